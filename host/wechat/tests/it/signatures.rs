//! Signatures over sorted strings.

use weft_wechat::signature::{sign, verify};

#[test]
fn parts_are_sorted_by_bytes_and_joined() {
    // The SHA-1 of "abc", as every description of SHA-1 has it.
    let abc = "a9993e364706816aba3e25717850c26c9cd0d89d";
    assert_eq!(sign(&["c", "a", "b"]), abc);
    assert_eq!(sign(&["bc", "a"]), abc);
    assert_eq!(sign(&["B", "a", "你"]), sign(&["Ba你"]));
    assert_eq!(sign(&["10", "9"]), sign(&["109"]));
}

#[test]
fn only_the_exact_signature_is_right() {
    let parts = ["weft", "1767225600", "42"];
    let right = sign(&parts);
    assert!(verify(&parts, &right));
    assert!(verify(&["42", "weft", "1767225600"], &right));
    assert!(!verify(&["weft", "1767225601", "42"], &right));
    for wrong in ["", &right[1..], &format!("{right}0"), &right.to_uppercase()] {
        assert!(!verify(&parts, wrong), "{wrong}");
    }
    for place in 0..right.len() {
        let digit = if &right[place..=place] == "0" { "1" } else { "0" };
        let mut wrong = right.clone();
        wrong.replace_range(place..=place, digit);
        assert!(!verify(&parts, &wrong), "{place}");
    }
}
