//! What can go wrong while a tree, a parts list or a request is read, and while a tree is analysed.

use std::fmt;

/// A place in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file as the caller named it.
    pub file: String,
    /// Line from 1; 0 when the place is the file as a whole.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}

/// Why diagnosing failed. Everything that comes from a file names file and line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DiagnoseError {
    /// The file is no TOML or XML, or has a field of the wrong kind.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// A name is used that nothing defines.
    #[error("{place}: unknown {kind} {name:?}; define it, or join the file that defines it with +")]
    UnknownName {
        /// Where it is used.
        place: Place,
        /// What was looked for: `event or gate`, `parameter` …
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A repair names a part that the parts list lacks.
    #[error("{place}: part number {part_number} of event {event:?} is not in the parts list")]
    UnknownPart {
        /// Where it is used.
        place: Place,
        /// The event whose repair names it.
        event: String,
        /// The number.
        part_number: String,
    },
    /// A name is defined twice.
    #[error("{place}: {kind} {name:?} is already defined at {first}")]
    Duplicate {
        /// The second definition.
        place: Place,
        /// What is defined.
        kind: &'static str,
        /// The name.
        name: String,
        /// The first definition.
        first: Place,
    },
    /// A gate or parameter rests on itself.
    #[error("{place}: cycle {}", path.join(" -> "))]
    Cycle {
        /// Where the first name of the path is defined.
        place: Place,
        /// The names in order; the first one is repeated at the end.
        path: Vec<String>,
    },
    /// A number is no probability.
    #[error("{place}: probability {value} of {name:?} is not within 0 to 1")]
    ProbabilityOutOfRange {
        /// Where.
        place: Place,
        /// Whose.
        name: String,
        /// The number.
        value: f64,
    },
    /// A value is not usable where it stands.
    #[error("{place}: {field} of {name:?}: {reason}")]
    InvalidValue {
        /// Where.
        place: Place,
        /// Of what.
        name: String,
        /// Which field.
        field: &'static str,
        /// Why, and what would be right.
        reason: String,
    },
    /// A feature of the format that is not supported.
    #[error("{place}: {feature} is not supported")]
    Unsupported {
        /// Where.
        place: Place,
        /// What.
        feature: String,
    },
    /// The file or tree is larger than allowed.
    #[error("{place}: {what} is {actual}, at most {limit} are allowed")]
    TooLarge {
        /// Where.
        place: Place,
        /// What is too large.
        what: &'static str,
        /// Its size.
        actual: u64,
        /// The limit.
        limit: u64,
    },
    /// The decision diagram grew beyond its budget under every variable order tried.
    #[error(
        "the decision diagram of {name:?} needs more than {limit} nodes under each of {orders} variable orders; raise max_nodes or analyse a smaller gate"
    )]
    NodeLimit {
        /// The gate.
        name: String,
        /// The budget.
        limit: usize,
        /// How many orders were tried.
        orders: usize,
    },
    /// A gate asked for by name does not exist.
    #[error("no gate {name:?} in this tree; its root gates are {}", roots.join(", "))]
    UnknownGate {
        /// The name.
        name: String,
        /// Root gates, at most 20.
        roots: Vec<String>,
    },
    /// The request is for another kind of appliance.
    #[error("no fault tree for product line {requested:?}, this one is for {available:?}")]
    UnknownProductLine {
        /// As requested.
        requested: String,
        /// What the tree is for.
        available: String,
    },
    /// The request is outside a limit.
    #[error("{field}: {reason}")]
    BadRequest {
        /// Which field.
        field: &'static str,
        /// Why, and what would be right.
        reason: String,
    },
}
