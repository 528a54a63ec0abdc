//! Kinds of made-up traffic. The judge's parameters were chosen on [`Kind::Mixed`] alone; the others were made to be unlike it.

/// SplitMix64 (Steele, Lea, Flood 2014), and a normal variable from two of its numbers.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Seconds between two looks.
pub(crate) const INTERVAL_S: f64 = 2.0;

/// What traffic is like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lognormal latencies that resemble their neighbours, wander, come in bursts and drift by a third over the day.
    Mixed,
    /// Long memory: what hangs together does so over five seconds, a minute and ten minutes alike; bursts may last three minutes, and
    /// the day is up to 13 % an hour steep.
    Memory,
    /// A job every five minutes slows down everything for half a minute.
    Jobs,
    /// Two paths: four of five calls find what they want in the cache, the others take four times as long; their share wanders, and
    /// calls come as they like, none or several a look.
    TwoPaths,
}

/// Something that resembles what it was before.
struct Wander {
    now: f64,
    keeps: f64,
    size: f64,
}

impl Wander {
    fn new(keeps: f64, size: f64, chance: &mut Chance) -> Self {
        let now = size * chance.normal();
        Self { now, keeps, size }
    }

    fn next(&mut self, chance: &mut Chance) -> f64 {
        let new = (1.0 - self.keeps * self.keeps).sqrt() * chance.normal();
        self.now = self.keeps * self.now + self.size * new;
        self.now
    }
}

/// Traffic, look after look.
pub(crate) struct Traffic {
    kind: Kind,
    phase: f64,
    wanders: Vec<Wander>,
    burst_left: u32,
    burst: f64,
}

/// What the latencies of one look have in common: logarithms of what hits everything, of the burst, and of what only the query itself
/// feels.
pub(crate) struct Now {
    kind: Kind,
    everything: f64,
    burst: f64,
    own: f64,
}

impl Traffic {
    pub(crate) fn new(kind: Kind, chance: &mut Chance) -> Self {
        let phase = std::f64::consts::TAU * chance.uniform();
        let wanders: &[(f64, f64)] = match kind {
            // Caches and neighbours on the machine, over about five minutes; and each look resembles the one before.
            Kind::Mixed => &[(0.993, 0.04), (0.6, 0.15)],
            Kind::Memory => &[(0.67, 0.08), (0.967, 0.08), (0.9967, 0.08)],
            Kind::Jobs => &[(0.99, 0.03), (0.6, 0.15)],
            Kind::TwoPaths => &[(0.993, 0.03), (0.993, 0.2)],
        };
        let wander = |of: &(f64, f64)| Wander::new(of.0, of.1, chance);
        Self {
            kind,
            phase,
            wanders: wanders.iter().map(wander).collect(),
            burst_left: 0,
            burst: 0.0,
        }
    }

    /// The logarithm of what the day makes of everything.
    fn day(&self, look: usize) -> f64 {
        let day = look as f64 * INTERVAL_S / 86_400.0 * std::f64::consts::TAU;
        match self.kind {
            // A third more at its height than on average, a third less in the night.
            Kind::Mixed | Kind::Jobs => 0.3 * (day + self.phase).sin(),
            Kind::Memory => 0.2 * (day + self.phase).sin() + 0.1 * (3.0 * (day + self.phase)).sin(),
            Kind::TwoPaths => 0.2 * (day + self.phase).sin(),
        }
    }

    /// Whether a burst begins, for how many looks, and how much slower everything is then.
    fn begins(&self, look: usize, chance: &mut Chance) -> Option<(u32, f64)> {
        match self.kind {
            // Every ten minutes on average (a checkpoint, a report), up to fifteen looks long, up to three times as slow.
            Kind::Mixed | Kind::TwoPaths => (chance.uniform() < INTERVAL_S / 600.0).then(|| {
                (
                    3 + (chance.uniform() * 12.0) as u32,
                    1.5 + 1.5 * chance.uniform(),
                )
            }),
            Kind::Memory => (chance.uniform() < INTERVAL_S / 1200.0).then(|| {
                let length = (2.5 * chance.uniform().powf(-1.0 / 1.5)).min(90.0);
                (length as u32, 1.3 + 1.2 * chance.uniform())
            }),
            Kind::Jobs => {
                let every = (300.0 / INTERVAL_S) as usize;
                let shift = (self.phase * 1000.0) as usize;
                (look + shift).is_multiple_of(every).then(|| {
                    let length = 10.0 + 10.0 * chance.uniform();
                    (length as u32, 1.3 + 0.5 * chance.uniform())
                })
            }
        }
    }

    pub(crate) fn next(&mut self, look: usize, chance: &mut Chance) -> Now {
        let moved: Vec<f64> = self
            .wanders
            .iter_mut()
            .map(|wander| wander.next(chance))
            .collect();
        if self.burst_left == 0
            && let Some((length, factor)) = self.begins(look, chance)
        {
            (self.burst_left, self.burst) = (length, factor.ln());
        }
        self.burst_left = self.burst_left.saturating_sub(1);
        let (last, others) = moved.split_last().unwrap_or((&0.0, &[]));
        Now {
            kind: self.kind,
            everything: self.day(look) + others.iter().sum::<f64>(),
            burst: if self.burst_left > 0 { self.burst } else { 0.0 },
            own: *last,
        }
    }
}

impl Now {
    /// The query's latencies in this look.
    pub(crate) fn latencies(&self, usual: f64, chance: &mut Chance) -> Vec<f64> {
        let common = self.everything + self.burst;
        match self.kind {
            Kind::Mixed | Kind::Jobs => {
                vec![usual * (common + self.own + 0.3 * chance.normal()).exp()]
            }
            Kind::Memory => vec![usual * (common + self.own + 0.28 * chance.normal()).exp()],
            Kind::TwoPaths => {
                let misses = 1.0 / (1.0 + (1.4 - self.own).exp());
                let mut calls = Vec::new();
                // As many as come: Poisson, 1.2 on average.
                let none = (-1.2_f64).exp();
                let mut product = chance.uniform();
                while product > none {
                    let path = if chance.uniform() < misses { 4.0 } else { 1.0 };
                    calls.push(usual * path * (common + 0.25 * chance.normal()).exp());
                    product *= chance.uniform();
                }
                calls
            }
        }
    }

    /// The control group's.
    pub(crate) fn of_control(&self, shared_bursts: bool, chance: &mut Chance) -> Vec<f64> {
        let felt = if shared_bursts { self.burst } else { 0.0 };
        let common = self.everything + felt;
        (0..5)
            .map(|_| 8.0 * (common + 0.33 * chance.normal()).exp())
            .collect()
    }
}
