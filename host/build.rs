//! Embedded migrations: a new file in their folders is a reason to build again.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
