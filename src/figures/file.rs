//! The figures in a file of the data folder: written now and then and at the end, read at the start. A file that can't be
//! read is no loss of events: it begins anew.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::latencies::Measure;
use super::series::{Bucket, Counts, Series};
use super::{Figures, lock};
use crate::clock::Timestamp;

/// In the data folder. Compressed, which brings a checksum along.
const FILE: &str = "figures.json.gz";
/// The first line.
const HEAD: &str = "{\"jackfield-figures\":1}";
/// A file that says more than this is not ours.
const MOST_LINES: usize = 200_000;

/// Why the file can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error("it is damaged")]
    Damaged,
    #[error("it can't be opened: {0}")]
    Io(io::ErrorKind),
}

impl Figures {
    /// The figures that the folder has, where there are any.
    pub fn read(folder: &Path) -> Result<Figures, Unread> {
        let file = match fs::File::open(folder.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Figures::default()),
            Err(error) => return Err(Unread::Io(error.kind())),
        };
        let mut lines = BufReader::new(GzDecoder::new(file)).lines();
        if lines.next().and_then(Result::ok).as_deref() != Some(HEAD) {
            return Err(Unread::Damaged);
        }
        let figures = Figures::default();
        for line in lines.take(MOST_LINES) {
            let line = line.map_err(|_| Unread::Damaged)?;
            figures.take_in(&line).ok_or(Unread::Damaged)?;
        }
        Ok(figures)
    }

    fn take_in(&self, line: &str) -> Option<()> {
        let line: Value = serde_json::from_str(line).ok()?;
        if let Some(source) = line.get("source") {
            let last = line.get("last")?.as_i64()?;
            self.last.of(&Arc::from(source.as_str()?)).store(last, Ordering::Relaxed);
            return Some(());
        }
        match (line.get("route"), line.get("connection")) {
            (Some(route), _) => lock(&self.routes.of(&Arc::from(route.as_str()?))).series = series(&line)?,
            (_, Some(name)) => *lock(&self.connections.of(&Arc::from(name.as_str()?)).series) = series(&line)?,
            _ => *lock(&self.all) = series(&line)?,
        }
        Some(())
    }

    /// Writes them, beside the file and then in its place.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (file, beside) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let mut out = GzEncoder::new(BufWriter::new(private(&beside)?), Compression::fast());
        // A line at a time: what is written in little pieces is compressed in little pieces.
        let mut say = |line: String| out.write_all(line.as_bytes());
        say(format!("{HEAD}\n"))?;
        say(line(None, &lock(&self.all).clone()))?;
        for (name, last) in self.last.all() {
            say(format!("{}\n", json!({ "source": &*name, "last": last.load(Ordering::Relaxed) })))?;
        }
        for (name, figures) in self.routes.all() {
            // Each is locked for as long as its copy takes.
            let series = lock(&figures).series.clone();
            say(line(Some(("route", &name)), &series))?;
        }
        for (name, figures) in self.connections.all() {
            let series = lock(&figures.series).clone();
            say(line(Some(("connection", &name)), &series))?;
        }
        out.finish()?.flush()?;
        fs::rename(beside, file)
    }

    /// Forgets the names of which a week has told nothing.
    pub fn forget(&self, now: Timestamp) {
        self.routes.keep(|_, figures| !lock(figures).series.is_over(now));
        self.connections.keep(|_, figures| !lock(&figures.series).is_over(now));
    }
}

fn line<M: Measure>(name: Option<(&str, &str)>, series: &Series<M>) -> String {
    let bucket = |bucket: &Bucket<M>| json!([bucket.minute, bucket.counts.to_array(), bucket.measure.parts()]);
    let tier = |tier: &super::series::Tier<M>| tier.buckets.iter().map(bucket).collect::<Vec<_>>();
    let mut line =
        json!({ "last": series.last_at.map(|at| at.0), "tiers": series.tiers.iter().map(tier).collect::<Vec<_>>() });
    if let Some(((kind, name), line)) = name.zip(line.as_object_mut()) {
        line.insert(kind.to_owned(), name.into());
    }
    format!("{line}\n")
}

fn series<M: Measure>(line: &Value) -> Option<Series<M>> {
    let mut series = Series { last_at: line.get("last")?.as_i64().map(Timestamp), ..Series::default() };
    let written = line.get("tiers")?.as_array()?;
    for (tier, written) in series.tiers.iter_mut().zip(written) {
        let most = tier.window.stretches().0 as usize;
        tier.buckets = written.as_array()?.iter().map(bucket).collect::<Option<_>>()?;
        if tier.buckets.len() > most + 1 || !tier.buckets.iter().is_sorted_by_key(|bucket| bucket.minute) {
            return None;
        }
    }
    Some(series)
}

fn bucket<M: Measure>(written: &Value) -> Option<Bucket<M>> {
    let [minute, counts, parts] = written.as_array()?.as_slice() else { return None };
    let whole = |number: &Value| u32::try_from(number.as_u64()?).ok();
    let counts: Vec<u32> = counts.as_array()?.iter().map(whole).collect::<Option<_>>()?;
    let part = |part: &Value| Some((u8::try_from(part.get(0)?.as_u64()?).ok()?, whole(part.get(1)?)?));
    let parts = parts.as_array()?.iter().map(part).collect::<Option<_>>()?;
    Some(Bucket {
        minute: whole(minute)?,
        counts: Counts::of_array(counts.try_into().ok()?),
        measure: M::of_parts(parts),
    })
}

/// A new file for its owner alone.
fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
