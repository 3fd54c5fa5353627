//! The packs in `schemas/` and the page in `web/` are embedded in the binary; a change of one must build it anew.

fn main() {
    for folder in ["schemas", "web/assets", "web/languages", "web/templates"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
