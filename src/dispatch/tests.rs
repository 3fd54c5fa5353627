//! Dispatch as a whole, with the real store and a provider of the test.
