//! Plans opened, stored and read again.
