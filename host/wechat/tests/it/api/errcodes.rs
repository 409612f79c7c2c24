//! Whether to try again, and what people are told.

use weft_wechat::api::Refusal;
use weft_wechat::api::errcode::{Class, class, known, meaning};

#[test]
fn codes_have_the_class_that_says_whether_to_try_again() {
    let table = [
        (Class::Busy, &[-1, 61450, 5_000_500, 5_000_599][..]),
        (Class::Token, &[40001, 40014, 42001]),
        (Class::DayQuota, &[45009]),
        (Class::MinuteQuota, &[45011]),
        (Class::Slow, &[45047, 45066]),
        (Class::Done, &[45065, 46003, 65301]),
        (Class::User, &[43004, 43019, 43101, 43116, 45015, 48002, 50005]),
        (Class::Configuration, &[40013, 40125, 40164, 40243, 48001, 48004, 48008, 50001, 50002, 61004, 61007, 89503]),
        (Class::Caller, &[40003, 40007, 45002, 47001, 49_999, 1, i64::MAX, i64::MIN]),
    ];
    for (expected, codes) in table {
        for code in codes {
            assert_eq!(class(*code), expected, "{code}");
        }
    }
    assert_eq!(Refusal::new(999_999, "system error rid: 1").class(), Class::Busy);
    assert_eq!(Refusal::new(999_999, "other").class(), Class::Caller);
}

#[test]
fn every_documented_code_says_in_both_languages_what_to_do() {
    let documented = [
        -1, 40001, 40002, 40003, 40004, 40005, 40006, 40007, 40008, 40009, 40010, 40011, 40012, 40013, 40014, 40015,
        40016, 40017, 40018, 40019, 40020, 40021, 40022, 40023, 40024, 40025, 40026, 40027, 40028, 40029, 40030, 40031,
        40032, 40033, 40035, 40036, 40037, 40038, 40039, 40048, 40050, 40051, 40054, 40055, 40060, 40066, 40117, 40118,
        40119, 40120, 40121, 40125, 40132, 40137, 40155, 40163, 40164, 40226, 40243, 41001, 41002, 41003, 41004, 41005,
        41006, 41007, 41008, 41009, 42001, 42002, 42003, 42007, 43001, 43002, 43003, 43004, 43005, 43019, 43101, 43107,
        43108, 43116, 44001, 44002, 44003, 44004, 45001, 45002, 45003, 45004, 45005, 45006, 45007, 45008, 45009, 45010,
        45011, 45015, 45016, 45017, 45018, 45047, 45056, 45057, 45058, 45059, 45065, 45066, 45067, 45083, 45084, 45157,
        45158, 45159, 45168, 46001, 46002, 46003, 46004, 47001, 47003, 48001, 48002, 48004, 48005, 48006, 48008, 49003,
        50001, 50002, 50005, 53500, 53501, 53502, 53503, 53504, 53505, 61004, 61007, 61450, 61451, 61452, 61453, 61454,
        61455, 61456, 61457, 61500, 61501, 65301, 65302, 65303, 65304, 65305, 65306, 65307, 65308, 65309, 65310, 65311,
        65312, 65313, 65314, 65316, 65317, 65400, 65416, 89501, 89503, 89506, 89507,
    ];
    for code in documented {
        assert!(meaning(code).is_some(), "{code}");
    }
    assert!(known().count() >= documented.len());
    let whitelist = meaning(40164).unwrap();
    assert!(whitelist.zh.contains("白名单") && whitelist.en.contains("whitelist"));
    assert_eq!(meaning(0), None);
    assert_eq!(meaning(49_999), None);
}
