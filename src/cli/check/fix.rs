//! `jackfield check --fix`: what is certain is mended, each change tried in memory before a file is written.

mod candidate;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use self::candidate::{Candidate, count};
use crate::compile::Compiled;
use crate::load::{self, Files};

/// How often the workspace is compiled at most.
const TRIALS: usize = 300;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// ``routes/a.yaml:3:5: `pth` → `path` ``
    pub fixed: Vec<String>,
    /// The same, of those that would have made things worse.
    pub left: Vec<String>,
    /// Files that could not be written, with the reason.
    pub failed: Vec<String>,
}

impl Outcome {
    pub(super) fn is_nothing(&self) -> bool {
        self.fixed.is_empty() && self.left.is_empty() && self.failed.is_empty()
    }
}

/// Mends the files of a workspace, or one of them.
pub(super) fn run(root: &Path, only: Option<&str>) -> Outcome {
    let read = load::read(root);
    let mut work = Work {
        root,
        only,
        files: read.clone(),
        fixed: Vec::new(),
        later: BTreeSet::new(),
        left: BTreeSet::new(),
        trials: 0,
    };
    let start = work.compile(&work.files);
    let mut compiled = work.settle(start);
    while let Some(line) = work.later.pop_first() {
        compiled = work.risk(compiled, line);
    }
    work.write(&read)
}

struct Work<'w> {
    root: &'w Path,
    only: Option<&'w str>,
    files: Files,
    /// What was mended, with the file and the line of it.
    fixed: Vec<(Arc<str>, usize, String)>,
    /// What brings other errors, which may be mended in turn.
    later: BTreeSet<String>,
    /// What was tried in vain.
    left: BTreeSet<String>,
    trials: usize,
}

impl Work<'_> {
    /// Without the tests: they run only once all else is good, and so say nothing of one change.
    fn compile(&self, files: &Files) -> Compiled {
        load::compile_files(self.root, files.clone(), &load::Options { tests: false, ..load::Options::offline() })
    }

    /// Makes every fix that brings no other error.
    fn settle(&mut self, mut compiled: Compiled) -> Compiled {
        while self.trials < TRIALS {
            let mut candidates = self.all(&compiled);
            candidates
                .retain(|candidate| !self.left.contains(&candidate.line) && !self.later.contains(&candidate.line));
            candidate::keep_apart(&mut candidates);
            let Some(first) = candidates.first() else { break };
            match self.together(&compiled, &candidates).or_else(|| self.alone(&compiled, first)) {
                Some(after) => compiled = after,
                None => {
                    self.later.insert(first.line.clone());
                }
            }
        }
        compiled
    }

    /// Makes a fix that brings other errors, and undoes it when these can't be mended.
    fn risk(&mut self, before: Compiled, line: String) -> Compiled {
        let all = self.all(&before);
        let Some(candidate) = all.iter().find(|candidate| candidate.line == line) else { return before };
        let (files, fixed) = (self.files.clone(), self.fixed.len());
        let tried = self.tried(std::slice::from_ref(candidate));
        if let Some((changed, after)) = tried.filter(|(_, after)| candidate.is_mended(&before, after)) {
            let after = self.take(changed, after, std::slice::from_ref(candidate));
            let settled = self.settle(after);
            if count(&settled) <= count(&before) {
                return settled;
            }
        }
        self.files = files;
        self.fixed.truncate(fixed);
        self.left.insert(line);
        before
    }

    /// What can be mended; where a file can't be read as YAML, that before all else.
    fn all(&self, compiled: &Compiled) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = compiled
            .diagnostics
            .iter()
            .filter_map(|diagnostic| Candidate::new(diagnostic, compiled))
            .filter(|candidate| self.only.is_none_or(|only| only == &*candidate.file))
            .filter(|candidate| load::is_on_disk(self.root, &candidate.file))
            .collect();
        if found.iter().any(Candidate::is_of_reading) {
            found.retain(Candidate::is_of_reading);
        }
        found
    }

    /// Makes all of them, when each mends its problem and none brings another.
    fn together(&mut self, before: &Compiled, candidates: &[Candidate]) -> Option<Compiled> {
        let (files, after) = self.tried(candidates).filter(|_| candidates.len() > 1)?;
        let mended = candidates.iter().filter(|candidate| candidate.is_error()).count();
        let of_reading = candidates.iter().any(Candidate::is_of_reading);
        let fewer = of_reading || count(&after) + mended <= count(before);
        let good = fewer && candidates.iter().all(|candidate| candidate.is_good(before, &after));
        good.then(|| self.take(files, after, candidates))
    }

    fn alone(&mut self, before: &Compiled, candidate: &Candidate) -> Option<Compiled> {
        let one = std::slice::from_ref(candidate);
        let (files, after) = self.tried(one)?;
        candidate.is_good(before, &after).then(|| self.take(files, after, one))
    }

    /// The files with changes made, and what becomes of them.
    fn tried(&mut self, candidates: &[Candidate]) -> Option<(Files, Compiled)> {
        self.trials += 1;
        let mut files = self.files.clone();
        // From the end, so that the bytes before stay where they are.
        for candidate in candidates.iter().rev() {
            let mut text = files.texts.get(&candidate.file)?.to_string();
            text.get(candidate.edit.range.clone())?;
            text.replace_range(candidate.edit.range.clone(), &candidate.edit.text);
            files.texts.insert(candidate.file.clone(), text.into());
        }
        let compiled = self.compile(&files);
        Some((files, compiled))
    }

    fn take(&mut self, files: Files, after: Compiled, candidates: &[Candidate]) -> Compiled {
        self.files = files;
        self.fixed.extend(candidates.iter().map(|one| (one.file.clone(), one.line_number, one.line.clone())));
        after
    }

    fn write(mut self, read: &Files) -> Outcome {
        self.fixed.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let mut outcome = Outcome { left: self.left.into_iter().collect(), ..Outcome::default() };
        for (file, before) in &read.texts {
            let Some(after) = self.files.texts.get(file).filter(|after| *after != before) else { continue };
            match load::replace(self.root, file, before, after) {
                Ok(()) => {
                    let lines = self.fixed.iter().filter(|(of, ..)| of == file);
                    outcome.fixed.extend(lines.map(|(.., line)| line.clone()));
                }
                Err(error) => outcome.failed.push(format!("`{file}` was not changed: {error}")),
            }
        }
        outcome
    }
}
