//! Files that are almost right: whatever byte is wrong, the answer is a report, and soon.

use std::time::{Duration, Instant};

use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests};

/// Damaged files in one run; `WEFT_TEST_FLIPS` names another number.
const FLIPS: usize = 32;

/// What happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    /// So many bits are turned.
    Flip(Vec<(usize, u8)>),
    /// It ends early.
    Cut(usize),
    /// A piece of it stands there twice.
    Repeat(usize, usize),
    /// A piece of it is noise.
    Noise(usize, Vec<u8>),
}

impl Damage {
    fn strategy(length: usize) -> impl Strategy<Value = Self> {
        proptest::prop_oneof![
            4 => vec((0..length, 0..8_u8), 1..4).prop_map(Self::Flip),
            1 => (8..length).prop_map(Self::Cut),
            1 => (8..length, 1..64_usize).prop_map(|(at, bytes)| Self::Repeat(at, bytes)),
            2 => (8..length, vec(any::<u8>(), 1..16)).prop_map(|(at, noise)| Self::Noise(at, noise)),
        ]
    }

    fn done_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        match self {
            Self::Flip(bits) => bits.iter().for_each(|(at, bit)| damaged[*at] ^= 1 << bit),
            Self::Cut(length) => damaged.truncate(*length),
            Self::Repeat(at, length) => {
                let piece = bytes[*at..bytes.len().min(at + length)].to_vec();
                damaged.splice(*at..*at, piece);
            }
            Self::Noise(at, noise) => {
                damaged.iter_mut().skip(*at).zip(noise).for_each(|(byte, noise)| *byte = *noise);
            }
        }
        damaged
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_refused_or_let_in_and_never_more_than_that() {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 500;
        config.plugins.compile_timeout_ms = 60_000;
    })
    .await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    let good = guests::greeter().await;
    let flips = std::env::var("WEFT_TEST_FLIPS").ok().and_then(|flips| flips.parse().ok()).unwrap_or(FLIPS);
    let (mut runner, strategy) = (TestRunner::default(), Damage::strategy(good.len()));
    let mut refused = 0;
    for _ in 0..flips {
        let damage = strategy.new_tree(&mut runner).unwrap().current();
        let began = Instant::now();
        let (status, answer) = app.upload("damaged", damage.done_to(good)).await;
        assert!(began.elapsed() < Duration::from_mins(1), "{damage:?} took {:?}", began.elapsed());
        match status {
            200 => assert_eq!(answer["admission"]["steps"][9]["outcome"], "passed", "{damage:?}"),
            422 => {
                refused += 1;
                let steps = answer["admission"]["steps"].as_array().unwrap();
                let failed = steps.iter().filter(|step| step["outcome"] == "failed").count();
                assert_eq!(failed, 1, "{damage:?}: {answer}");
            }
            _ => panic!("{damage:?}: {status} {answer}"),
        }
    }
    assert!(refused > flips / 3, "{refused} of {flips}");
    let greeted = account.send(&weft::simulator::Incoming::text("oUser", "hi")).await.unwrap();
    assert!(greeted.text().is_some(), "the plugin beside them still answers");
}
