//! AND and XOR of two diagrams, and what is folded from them.

use super::{Bdd, Edge, FALSE, Full, TRUE};

/// A node being made: its operands, what is left to do for its low branch, and its high branch once known.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    level: u32,
    a: Edge,
    b: Edge,
    low: (Edge, Edge),
    hi: Edge,
    flip: u32,
}

/// No branch yet; no edge reaches it, budgets being far below 2^29 nodes.
const OPEN: Edge = u32::MAX;
/// Marks an XOR in the computed cache; edges stay below it.
const XOR_TAG: u32 = 1 << 31;

impl Bdd {
    pub(crate) fn and(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        self.apply::<false>(f, g)
    }

    pub(crate) fn or(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        Ok(self.and(f ^ 1, g ^ 1)? ^ 1)
    }

    pub(crate) fn xor(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        self.apply::<true>(f, g)
    }

    /// The recursion over both operands with a stack of its own.
    fn apply<const XOR: bool>(&mut self, f: Edge, g: Edge) -> Result<Edge, Full> {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let result = self.run::<XOR>(f, g, &mut frames);
        self.frames = frames;
        result
    }

    fn run<const XOR: bool>(&mut self, f: Edge, g: Edge, frames: &mut Vec<Frame>) -> Result<Edge, Full> {
        let tag = if XOR { XOR_TAG } else { 0 };
        let (mut f, mut g) = (f, g);
        loop {
            let flip = if XOR { (f ^ g) & 1 } else { 0 };
            if XOR {
                (f, g) = (f & !1, g & !1);
            }
            let (a, b) = if f < g { (f, g) } else { (g, f) };
            let mut result = match Self::shortcut::<XOR>(a, b).or_else(|| self.cached(a, b | tag)) {
                Some(known) => known ^ flip,
                None => {
                    let level = self.level(a).min(self.level(b));
                    let ((a1, a0), (b1, b0)) = (self.cofactors(a, level), self.cofactors(b, level));
                    frames.push(Frame {
                        level,
                        a,
                        b,
                        low: (a0, b0),
                        hi: OPEN,
                        flip,
                    });
                    (f, g) = (a1, b1);
                    continue;
                }
            };
            loop {
                let Some(top) = frames.last_mut() else {
                    return Ok(result);
                };
                if top.hi == OPEN {
                    top.hi = result;
                    (f, g) = top.low;
                    break;
                }
                let Frame {
                    level,
                    a,
                    b,
                    hi,
                    flip,
                    ..
                } = *top;
                frames.pop();
                self.step()?;
                result = self.make(level, hi, result)?;
                self.remember(a, b | tag, result);
                result ^= flip;
            }
        }
    }

    /// The result where an operand is constant or both are one function; `a` < `b`.
    fn shortcut<const XOR: bool>(a: Edge, b: Edge) -> Option<Edge> {
        if a == b {
            return Some(if XOR { FALSE } else { a });
        }
        match a {
            TRUE if XOR => Some(b ^ 1),
            TRUE => Some(b),
            FALSE if !XOR => Some(FALSE),
            _ if !XOR && a == b ^ 1 => Some(FALSE),
            _ => None,
        }
    }

    /// All of `inputs`; the deepest first, so that each step only adds on top.
    pub(crate) fn all(&mut self, mut inputs: Vec<Edge>) -> Result<Edge, Full> {
        inputs.sort_by_key(|&e| (std::cmp::Reverse(self.level(e)), e));
        inputs.into_iter().try_fold(TRUE, |whole, e| self.and(e, whole))
    }

    /// At least `k` of `inputs`: one row of a table per input.
    pub(crate) fn at_least(&mut self, k: usize, mut inputs: Vec<Edge>) -> Result<Edge, Full> {
        inputs.sort_by_key(|&e| (std::cmp::Reverse(self.level(e)), e));
        // row[j]: at least j of the inputs seen so far.
        let mut row = vec![FALSE; k + 1];
        row[0] = TRUE;
        for input in inputs {
            for j in (1..=k).rev() {
                let with = self.and(input, row[j - 1])?;
                row[j] = self.or(with, row[j])?;
            }
        }
        Ok(row[k])
    }
}
