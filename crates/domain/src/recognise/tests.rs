//! The recognisers as their callers see them.
