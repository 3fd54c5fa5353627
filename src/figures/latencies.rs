//! How long things took, in steps each a quarter to a fifth longer than the one before: few bytes, and a share of them can be
//! told within a tenth.

/// What is longer than this, three weeks, counts as this long.
const MOST: u64 = (1 << 31) - 1;

/// Counted times of one stretch, by their step, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<(u8, u32)>);

/// How long it took, for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half were faster.
    pub half_ms: u64,
    /// 95 in 100 were faster.
    pub most_ms: u64,
}

/// What a stretch of time may keep beside its counts.
pub trait Measure: Clone + Default + std::fmt::Debug {
    fn add(&mut self, ms: u64);
    fn merge(&mut self, other: &Self);
    fn latency(&self) -> Option<Latency>;
    /// As it is written into a file.
    fn parts(&self) -> &[(u8, u32)];
    fn of_parts(parts: Vec<(u8, u32)>) -> Self;
}

/// Where nobody asks how long it took.
impl Measure for () {
    fn add(&mut self, _ms: u64) {}
    fn merge(&mut self, _other: &Self) {}
    fn latency(&self) -> Option<Latency> {
        None
    }
    fn parts(&self) -> &[(u8, u32)] {
        &[]
    }
    fn of_parts(_parts: Vec<(u8, u32)>) -> Self {}
}

impl Measure for Latencies {
    fn add(&mut self, ms: u64) {
        self.put(step(ms), 1);
    }

    fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(step, count)| self.put(*step, *count));
    }

    fn latency(&self) -> Option<Latency> {
        let share = |in_hundred| self.share(in_hundred);
        Some(Latency { half_ms: share(50)?, most_ms: share(95)? })
    }

    fn parts(&self) -> &[(u8, u32)] {
        &self.0
    }

    fn of_parts(parts: Vec<(u8, u32)>) -> Self {
        let mut all = Latencies::default();
        parts.into_iter().filter(|(at, _)| *at <= step(MOST)).for_each(|(at, count)| all.put(at, count));
        all
    }
}

impl Latencies {
    fn put(&mut self, step: u8, count: u32) {
        match self.0.binary_search_by_key(&step, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    *known = known.saturating_add(count);
                }
            }
            Err(at) => self.0.insert(at, (step, count)),
        }
    }

    /// The time within which so many in a hundred were; nothing where there are none.
    fn share(&self, in_hundred: u64) -> Option<u64> {
        let all: u64 = self.0.iter().map(|(_, count)| u64::from(*count)).sum();
        let wanted = (all * in_hundred).div_ceil(100).max(1);
        let mut before = 0;
        for (step, count) in &self.0 {
            let count = u64::from(*count);
            if before + count >= wanted {
                let (from, to) = (start(*step), start(step.saturating_add(1)));
                return Some(from + (to - from) * (wanted - before) / (count + 1));
            }
            before += count;
        }
        None
    }
}

/// The step of a time: up to 4 ms each millisecond, then four for each doubling.
fn step(ms: u64) -> u8 {
    let ms = ms.min(MOST);
    if ms < 4 {
        return ms as u8;
    }
    let doublings = ms.ilog2();
    let quarter = (ms >> (doublings - 2)) & 3;
    ((doublings - 1) * 4) as u8 + quarter as u8
}

/// The shortest time of a step.
fn start(step: u8) -> u64 {
    let step = u64::from(step);
    match step < 4 {
        true => step,
        false => (4 + step % 4) << (step / 4 - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_within_its_step() {
        for ms in (0..70).chain([100, 999, 1000, 60_000, 3_600_000, MOST]) {
            assert!(start(step(ms)) <= ms && ms < start(step(ms) + 1), "{ms}");
        }
        assert_eq!(step(u64::MAX), step(MOST));
    }

    #[test]
    fn shares_are_told_within_a_tenth() {
        let mut all = Latencies::default();
        assert_eq!(all.latency(), None);
        (1..=1000).for_each(|ms| all.add(ms));
        let Latency { half_ms, most_ms } = all.latency().unwrap();
        assert!((450..=550).contains(&half_ms) && (855..=1045).contains(&most_ms), "{half_ms} {most_ms}");
        let mut twice = all.clone();
        twice.merge(&all);
        let merged = twice.latency().unwrap();
        assert!(merged.half_ms.abs_diff(half_ms) <= 2, "{merged:?}");
        assert_eq!(Latencies::of_parts(all.parts().to_vec()), all);
    }
}
