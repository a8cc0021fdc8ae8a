//! Expressions of the Open-PSA format, evaluated to a number; a random deviate stands for its mean.

use roxmltree::Node as Xml;

use super::{Item, Reader};
use crate::error::DiagnoseError;

/// Parameters may rest on each other this deep, expressions included.
const MAX_EVALUATION_DEPTH: usize = 1_000;

impl<'a> Reader<'a> {
    pub(super) fn evaluate(&mut self, item: Item<'a>, depth: usize) -> Result<f64, DiagnoseError> {
        if depth > MAX_EVALUATION_DEPTH {
            return Err(self.invalid(
                item,
                "expression",
                format!("nested deeper than {MAX_EVALUATION_DEPTH}"),
            ));
        }
        let value = match item.xml.tag_name().name() {
            "float" | "int" => self.number(item)?,
            "bool" => f64::from(u8::from(self.constant(item)?)),
            "pi" => std::f64::consts::PI,
            "system-mission-time" => self.options.mission_time_hours,
            "parameter" => self.parameter(item, depth)?,
            "histogram" => self.histogram(item, depth)?,
            "switch" => self.switch(item, depth)?,
            name => {
                let arguments = self
                    .body(item)
                    .into_iter()
                    .map(|argument| self.evaluate(argument, depth + 1))
                    .collect::<Result<Vec<f64>, _>>()?;
                match apply(name, &arguments) {
                    Some(Ok(value)) => value,
                    Some(Err(needed)) => {
                        let reason = format!("<{name}> needs {needed}, {} given", arguments.len());
                        return Err(self.invalid(item, "arguments", reason));
                    }
                    None => return Err(self.unsupported(item)),
                }
            }
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(self.invalid(item, "expression", "its value is not a finite number"))
        }
    }

    fn number(&self, item: Item<'a>) -> Result<f64, DiagnoseError> {
        let text = item.xml.attribute("value").unwrap_or_default();
        text.trim()
            .parse()
            .map_err(|_| self.invalid(item, "value", "a number is needed"))
    }

    fn parameter(&mut self, item: Item<'a>, depth: usize) -> Result<f64, DiagnoseError> {
        let name = self.name_of(item)?;
        let Some((key, definition)) = self
            .candidates(item.scope, name)
            .find_map(|key| self.parameters.get(&key).map(|&d| (key, d)))
        else {
            return Err(DiagnoseError::UnknownName {
                place: self.place(item),
                kind: "parameter",
                name: name.to_owned(),
            });
        };
        match self.parameter_values.get(&key) {
            Some(Some(value)) => return Ok(*value),
            Some(None) => {
                return Err(DiagnoseError::Cycle {
                    place: self.place(definition),
                    path: vec![key.clone(), "…".to_owned(), key],
                });
            }
            None => {}
        }
        self.parameter_values.insert(key.clone(), None);
        let body = self.body(definition);
        let [expression] = body.as_slice() else {
            return Err(self.invalid(
                definition,
                "expression",
                "a parameter needs exactly one expression",
            ));
        };
        // A parameter costs several frames, so it counts for more than a nested element.
        let value = self.evaluate(*expression, depth + 5)?;
        self.parameter_values.insert(key, Some(value));
        Ok(value)
    }

    /// The mean of a histogram: bins between ascending bounds, each with a weight.
    fn histogram(&mut self, item: Item<'a>, depth: usize) -> Result<f64, DiagnoseError> {
        let body = self.body(item);
        let Some((first, bins)) = body.split_first() else {
            return Err(self.invalid(item, "arguments", "a lower bound and bins are needed"));
        };
        let (mut lower, mut weight_sum, mut sum) = (self.evaluate(*first, depth + 1)?, 0.0, 0.0);
        for bin in bins {
            let parts = self.body(*bin);
            let [upper, weight] = parts.as_slice() else {
                return Err(self.invalid(*bin, "arguments", "a bin needs an upper bound and a weight"));
            };
            let (upper, weight) = (
                self.evaluate(*upper, depth + 1)?,
                self.evaluate(*weight, depth + 1)?,
            );
            sum += weight * (lower + upper) / 2.0;
            weight_sum += weight;
            lower = upper;
        }
        Ok(sum / weight_sum)
    }

    fn switch(&mut self, item: Item<'a>, depth: usize) -> Result<f64, DiagnoseError> {
        for child in self.body(item) {
            if !child.xml.has_tag_name("case") {
                return self.evaluate(child, depth + 1);
            }
            let parts: Vec<Item<'a>> = child
                .xml
                .children()
                .filter(Xml::is_element)
                .map(|xml| Item { xml, ..child })
                .collect();
            let [condition, value] = parts.as_slice() else {
                return Err(self.invalid(child, "arguments", "a case needs a condition and a value"));
            };
            if self.evaluate(*condition, depth + 1)? != 0.0 {
                return self.evaluate(*value, depth + 1);
            }
        }
        Err(self.invalid(item, "arguments", "a default value is needed after the cases"))
    }
}

type Applied = Option<Result<f64, &'static str>>;

/// An operation on evaluated arguments: `None` for an unknown name, the arity needed where it is wrong.
fn apply(name: &str, x: &[f64]) -> Applied {
    let truth = |yes: bool| f64::from(u8::from(yes));
    let one = |f: fn(f64) -> f64| if let [a] = x { Ok(f(*a)) } else { Err("1 argument") };
    let two = |f: &dyn Fn(f64, f64) -> f64| {
        if let [a, b] = x {
            Ok(f(*a, *b))
        } else {
            Err("2 arguments")
        }
    };
    let fold = |f: fn(f64, f64) -> f64| x.iter().copied().reduce(f).ok_or("1 or more arguments");
    Some(match name {
        "neg" => one(|a| -a),
        "abs" => one(f64::abs),
        "acos" => one(f64::acos),
        "asin" => one(f64::asin),
        "atan" => one(f64::atan),
        "cos" => one(f64::cos),
        "cosh" => one(f64::cosh),
        "exp" => one(f64::exp),
        "log" => one(f64::ln),
        "log10" => one(f64::log10),
        "sin" => one(f64::sin),
        "sinh" => one(f64::sinh),
        "sqrt" => one(f64::sqrt),
        "tan" => one(f64::tan),
        "tanh" => one(f64::tanh),
        "ceil" => one(f64::ceil),
        "floor" => one(f64::floor),
        "add" => fold(|a, b| a + b),
        "sub" => fold(|a, b| a - b),
        "mul" => fold(|a, b| a * b),
        "div" => fold(|a, b| a / b),
        "min" => fold(f64::min),
        "max" => fold(f64::max),
        "mean" => fold(|a, b| a + b).map(|sum| sum / x.len() as f64),
        "pow" => two(&f64::powf),
        "mod" => two(&|a, b| a.trunc() % b.trunc()),
        "not" => one(|a| f64::from(u8::from(a == 0.0))),
        "and" => Ok(truth(x.iter().all(|&a| a != 0.0))),
        "or" => Ok(truth(x.iter().any(|&a| a != 0.0))),
        "eq" => two(&|a, b| truth(a == b)),
        "df" => two(&|a, b| truth(a != b)),
        "lt" => two(&|a, b| truth(a < b)),
        "gt" => two(&|a, b| truth(a > b)),
        "leq" => two(&|a, b| truth(a <= b)),
        "geq" => two(&|a, b| truth(a >= b)),
        "ite" => match x {
            [c, a, b] => Ok(if *c != 0.0 { *a } else { *b }),
            _ => Err("3 arguments"),
        },
        "exponential" => two(&occurred),
        "GLM" => match x {
            [gamma, lambda, mu, t] => {
                let rate = lambda + mu;
                Ok((lambda - (lambda - gamma * rate) * (-rate * t).exp()) / rate)
            }
            _ => Err("4 arguments"),
        },
        "Weibull" => match x {
            [scale, shape, start, t] => Ok(if t <= start {
                0.0
            } else {
                -(-((t - start) / scale).powf(*shape)).exp_m1()
            }),
            _ => Err("4 arguments"),
        },
        "periodic-test" => match x {
            [lambda, tau, theta, t] => Ok(instant_repair(*lambda, *tau, *theta, *t)),
            [lambda, mu, tau, theta, t] => Ok(instant_test(*lambda, *mu, *tau, *theta, *t)),
            _ => Err("4 or 5 arguments (11 are not supported)"),
        },
        "uniform-deviate" => two(&|a, b| (a + b) / 2.0),
        "normal-deviate" => two(&|mean, _| mean),
        "lognormal-deviate" => match x {
            [mean, _, _] => Ok(*mean),
            [mu, sigma] => Ok((mu + sigma * sigma / 2.0).exp()),
            _ => Err("2 or 3 arguments"),
        },
        "gamma-deviate" => two(&|shape, scale| shape * scale),
        "beta-deviate" => two(&|a, b| a / (a + b)),
        _ => return None,
    })
}

/// Chance that a Poisson process of rate `lambda` has fired within `t`.
fn occurred(lambda: f64, t: f64) -> f64 {
    -(-lambda * t).exp_m1()
}

/// Tested every `tau` from `theta` on and as good as new after each test.
fn instant_repair(lambda: f64, tau: f64, theta: f64, t: f64) -> f64 {
    if t <= theta {
        return occurred(lambda, t);
    }
    let since = (t - theta) % tau;
    occurred(lambda, if since == 0.0 { tau } else { since })
}

/// Tested in no time every `tau` from `theta` on; a repair takes an exponential time of rate `mu`.
/// Between tests a unit is up, failed undetected or under repair; the state after a whole period is an affine map of the
/// state before it, iterated in closed form.
fn instant_test(lambda: f64, mu: f64, tau: f64, theta: f64, t: f64) -> f64 {
    if t <= theta {
        return occurred(lambda, t);
    }
    // Chance to be down `time` after a test at which the unit was found failed (first) or up (second).
    let down = |time: f64| {
        let (failed, repaired) = (occurred(lambda, time), occurred(mu, time));
        let repaired_then_failed = if (lambda - mu).abs() < 1e-15 * lambda.abs() {
            failed - (1.0 - failed) * lambda * time
        } else {
            (lambda * repaired - mu * failed) / (lambda - mu)
        };
        (1.0 - repaired + repaired_then_failed, failed)
    };
    let periods = ((t - theta) / tau).floor();
    let (again, fresh) = down(tau);
    let slope = again - fresh;
    let start = occurred(lambda, theta);
    let compound = slope.powf(periods);
    let sum = if (slope - 1.0).abs() < 1e-15 {
        periods
    } else {
        (compound - 1.0) / (slope - 1.0)
    };
    let at_test = start * compound + fresh * sum;
    let (again, fresh) = down(t - theta - periods * tau);
    at_test * (again - fresh) + fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_their_textbook_values() {
        let check = |name: &str, x: &[f64], expected: f64| {
            let found = apply(name, x).unwrap().unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{name}: {found} and not {expected}"
            );
        };
        check("exponential", &[0.5, 2.0], 1.0 - (-1.0_f64).exp());
        check("GLM", &[0.0, 1.0, 1.0, 1e9], 0.5);
        check("Weibull", &[2.0, 1.0, 1.0, 3.0], 1.0 - (-1.0_f64).exp());
        check("periodic-test", &[0.1, 10.0, 5.0, 28.0], 1.0 - (-0.3_f64).exp());
        check("periodic-test", &[0.1, 10.0, 5.0, 25.0], 1.0 - (-1.0_f64).exp());
        check("sub", &[10.0, 3.0, 2.0], 5.0);
        check("lognormal-deviate", &[0.25, 3.0, 0.95], 0.25);
        check("mean", &[1.0, 2.0, 6.0], 3.0);
        assert!(apply("exponential", &[1.0]).unwrap().is_err());
        assert!(apply("extern-function", &[1.0]).is_none());
    }

    #[test]
    fn repair_that_takes_no_time_is_instant_repair() {
        let fast = instant_test(1e-3, 1e9, 100.0, 50.0, 480.0);
        assert!(
            (fast - instant_repair(1e-3, 100.0, 50.0, 480.0)).abs() < 1e-8,
            "{fast}"
        );
    }
}
