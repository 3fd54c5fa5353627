//! Words of YAML that is to be pasted.

pub(super) use crate::first_draft::variable;
pub(super) use crate::value::yaml::{entry, scalar};
