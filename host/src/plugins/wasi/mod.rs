//! What a guest gets of WASI: clocks, randomness, and somewhere to print.

mod output;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::{SeedableRng as _, rngs::StdRng};
use wasmtime_wasi::{
    WasiCtx,
    clocks::{HostMonotonicClock, HostWallClock},
};

use self::output::Output;
use super::{limits::RANDOM_BYTES, trace::Skipped};

pub(super) use self::output::Printed;

/// The WASI of one call. It is made when the guest first asks for it: most never do.
pub(super) struct Wasi {
    circumstances: Circumstances,
    skipped: Skipped,
    /// Bytes that are kept of what it prints.
    most_printed: usize,
    made: Option<Box<Made>>,
}

struct Made {
    context: WasiCtx,
    output: Output,
}

impl Wasi {
    pub(super) fn new(circumstances: Circumstances, skipped: Skipped, most_printed: usize) -> Self {
        Self { circumstances, skipped, most_printed, made: None }
    }

    pub(super) fn context(&mut self) -> &mut WasiCtx {
        let Self { circumstances, skipped, most_printed, made } = self;
        let made = made.get_or_insert_with(|| {
            let output = Output::new(*most_printed);
            Box::new(Made { context: circumstances.context(&output, skipped), output })
        });
        &mut made.context
    }

    /// What made the call come out as it did, besides the answers of the host.
    pub(super) fn circumstances(&self) -> Circumstances {
        self.circumstances
    }

    /// Takes what was printed so far.
    pub(super) fn take_printed(&self) -> Printed {
        self.made.as_ref().map(|made| made.output.take()).unwrap_or_default()
    }
}

/// What makes a call come out as it did, besides the answers of the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// What its randomness comes from: secure in the first 32 bytes, insecure in the others. None where it asked for none.
    seed: Option<[u8; 48]>,
    /// When it began.
    pub(super) at: Timestamp,
    /// When that began again, and the time of day that its clock begins with, since 1970.
    again: Option<(Instant, Duration)>,
}

impl Circumstances {
    /// Of a call that is made for the first time, now.
    pub(super) fn new() -> Self {
        Self { seed: None, at: Timestamp::now(), again: None }
    }

    /// Those of a call that is made again.
    pub(super) fn again(seed: [u8; 48], at: Timestamp) -> Self {
        let then = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).ok();
        Self { seed: Some(seed), at: Timestamp::now(), again: then.map(|then| (Instant::now(), then)) }
    }

    /// What its randomness comes from, or would have.
    pub(super) fn seed(&self) -> [u8; 48] {
        self.seed.unwrap_or_else(rand::random)
    }

    fn context(&mut self, output: &Output, skipped: &Skipped) -> WasiCtx {
        let (secure, insecure) = self.seed.get_or_insert_with(rand::random).split_at(32);
        let mut seed = [0; 32];
        seed.copy_from_slice(secure);
        let mut number = [0; 16];
        number.copy_from_slice(insecure);
        let number = u128::from_le_bytes(number);
        let mut wasi = WasiCtx::builder();
        wasi.max_random_size(RANDOM_BYTES)
            .secure_random(StdRng::from_seed(seed))
            .insecure_random(StdRng::seed_from_u64(u64::try_from(number >> 64).unwrap_or_default()))
            .insecure_random_seed(number)
            .stdout(output.clone())
            .stderr(output.clone());
        if let Some((began, at)) = self.again {
            let clock = Then { began, at, skipped: skipped.clone() };
            wasi.wall_clock(clock.clone()).monotonic_clock(clock);
        }
        wasi.build()
    }
}

/// The clocks of a call that is made again: as the other time.
#[derive(Clone)]
struct Then {
    began: Instant,
    at: Duration,
    skipped: Skipped,
}

impl Then {
    /// Since the call began.
    fn passed(&self) -> Duration {
        self.began.elapsed() + self.skipped.time()
    }
}

impl HostWallClock for Then {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.at + self.passed()
    }
}

impl HostMonotonicClock for Then {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.passed().as_nanos()).unwrap_or(u64::MAX)
    }
}
