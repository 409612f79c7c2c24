//! Of WASI what the standard library gives no way to hold on to.

wit_bindgen::generate!({
    inline: "
        package weft:misbehave;

        world hoarder {
            import wasi:clocks/monotonic-clock@0.2.0;
        }

        package wasi:io@0.2.0 {
            interface poll {
                resource pollable {
                    ready: func() -> bool;
                    block: func();
                }
                poll: func(in: list<borrow<pollable>>) -> list<u32>;
            }
        }

        package wasi:clocks@0.2.0 {
            interface monotonic-clock {
                use wasi:io/poll@0.2.0.{pollable};
                type instant = u64;
                type duration = u64;
                now: func() -> instant;
                resolution: func() -> duration;
                subscribe-instant: func(when: instant) -> pollable;
                subscribe-duration: func(when: duration) -> pollable;
            }
        }
    ",
    world: "weft:misbehave/hoarder",
    generate_all,
});

pub(crate) use self::wasi::clocks::monotonic_clock::subscribe_duration;
