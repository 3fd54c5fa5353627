//! The packs in `schemas/` are embedded in the binary; a change of one must build it anew.

fn main() {
    println!("cargo::rerun-if-changed=schemas");
    println!("cargo::rerun-if-changed=build.rs");
}
