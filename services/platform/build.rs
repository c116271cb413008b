//! A migration that is added must reach the binary.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
