//! A tree as a graph for programs and as a picture for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::contract::Prediction;
use crate::mef::write::escape;
use crate::tree::{FaultTree, Input};

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TreeNode {
    /// Unique within the graph: kind, colon, identifier.
    pub id: String,
    /// `event`, `symptom`, `fault_code`, `constant`, or the gate's type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Prior probability of an event, leak of a symptom or code.
    pub probability: Option<f64>,
    /// Posterior of an event, where a prediction was given and lists it.
    pub posterior: Option<f64>,
}

/// An edge from cause to effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TreeEdge {
    /// The cause's node.
    pub from: String,
    /// The effect's node.
    pub to: String,
    /// Chance of a noisy link.
    pub probability: Option<f64>,
}

/// Nodes and edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TreeGraph {
    /// Symptoms, codes, gates, events.
    pub nodes: Vec<TreeNode>,
    /// Causes to effects.
    pub edges: Vec<TreeEdge>,
}

/// Nodes drawn; more make no readable picture.
const DRAWN: usize = 1_500;

impl FaultTree {
    /// The tree as a graph, with posteriors from `prediction` where given.
    #[must_use]
    pub fn graph(&self, prediction: Option<&Prediction>) -> TreeGraph {
        let posterior: BTreeMap<&str, f64> = prediction
            .iter()
            .flat_map(|p| &p.causes)
            .map(|cause| (cause.event.as_str(), cause.probability.value()))
            .collect();
        let node = |id: String, kind: &str, name: &str, probability| TreeNode {
            id,
            kind: kind.to_owned(),
            name: name.to_owned(),
            probability,
            posterior: None,
        };
        let mut graph = TreeGraph {
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        for symptom in &self.symptoms {
            let id = format!("symptom:{}", symptom.id);
            graph
                .nodes
                .push(node(id.clone(), "symptom", symptom.title(), Some(symptom.leak)));
            for link in &symptom.causes {
                graph.edges.push(TreeEdge {
                    from: self.node_id(link.input),
                    to: id.clone(),
                    probability: Some(link.probability),
                });
            }
        }
        for (at, code) in self.codes.iter().enumerate() {
            let id = format!("fault_code:{}:{at}", code.code);
            graph.nodes.push(node(
                id.clone(),
                "fault_code",
                code.code.as_str(),
                Some(code.leak),
            ));
            for link in &code.causes {
                graph.edges.push(TreeEdge {
                    from: self.node_id(link.input),
                    to: id.clone(),
                    probability: Some(link.probability),
                });
            }
        }
        for gate in self.gates.iter().rev() {
            let id = format!("gate:{}", gate.id);
            graph
                .nodes
                .push(node(id.clone(), gate.connective.name(), &gate.name, None));
            for &input in &gate.inputs {
                graph.edges.push(TreeEdge {
                    from: self.node_id(input),
                    to: id.clone(),
                    probability: None,
                });
            }
        }
        for event in &self.events {
            let mut made = node(
                format!("event:{}", event.id),
                "event",
                &event.name,
                Some(event.probability),
            );
            made.posterior = posterior.get(event.id.as_str()).copied();
            graph.nodes.push(made);
        }
        for value in [false, true] {
            let id = format!("constant:{value}");
            if graph.edges.iter().any(|edge| edge.from == id) {
                graph
                    .nodes
                    .push(node(id, "constant", if value { "恒真" } else { "恒假" }, None));
            }
        }
        graph
    }

    fn node_id(&self, input: Input) -> String {
        match input {
            Input::Event(at) => format!("event:{}", self.events[at as usize].id),
            Input::Gate(at) => format!("gate:{}", self.gates[at as usize].id),
            Input::Constant(value) => format!("constant:{value}"),
        }
    }

    /// The tree as an SVG picture, effects left, causes right, one row per cause; posteriors of `prediction` are coloured.
    #[must_use]
    pub fn to_svg(&self, prediction: Option<&Prediction>) -> String {
        let graph = self.graph(prediction);
        let layout = Layout::new(&graph);
        layout.draw(self, &graph)
    }
}

struct Layout {
    column: Vec<usize>,
    row: Vec<f64>,
    from_to: Vec<(usize, usize)>,
    rows: usize,
    columns: usize,
}

const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 26.0;
const GAP_X: f64 = 90.0;
const GAP_Y: f64 = 10.0;
const TOP: f64 = 50.0;

impl Layout {
    fn new(graph: &TreeGraph) -> Self {
        let at: BTreeMap<&str, usize> = graph
            .nodes
            .iter()
            .enumerate()
            .map(|(i, n)| (n.id.as_str(), i))
            .collect();
        let pair = |e: &TreeEdge| Some((*at.get(e.from.as_str())?, *at.get(e.to.as_str())?));
        let from_to: Vec<(usize, usize)> = graph.edges.iter().filter_map(pair).collect();
        // Nodes stand in the order effects before causes, so one pass from the left finds the longest way.
        let mut causes_of = vec![Vec::new(); graph.nodes.len()];
        from_to.iter().for_each(|&(from, to)| causes_of[to].push(from));
        let mut column = vec![0_usize; graph.nodes.len()];
        for to in 0..graph.nodes.len() {
            for &from in &causes_of[to] {
                column[from] = column[from].max(column[to] + 1);
            }
        }
        let columns = column.iter().max().map_or(1, |most| most + 1);
        let leaf = |i: usize| matches!(graph.nodes[i].kind.as_str(), "event" | "constant");
        (0..column.len())
            .filter(|&i| leaf(i))
            .for_each(|i| column[i] = columns - 1);
        let mut made = Self {
            column,
            row: vec![0.0; graph.nodes.len()],
            from_to,
            rows: 1,
            columns,
        };
        made.place(&causes_of);
        made
    }

    /// Rows: the last column in the order of the file, then each column at the mean of its causes, pushed apart.
    fn place(&mut self, causes_of: &[Vec<usize>]) {
        for column in (0..self.columns).rev() {
            let mut members: Vec<usize> = (0..self.column.len())
                .filter(|&i| self.column[i] == column)
                .collect();
            for &i in &members {
                let placed: Vec<f64> = causes_of[i].iter().map(|&c| self.row[c]).collect();
                if !placed.is_empty() {
                    self.row[i] = placed.iter().sum::<f64>() / placed.len() as f64;
                }
            }
            members.sort_by(|&a, &b| self.row[a].total_cmp(&self.row[b]).then(a.cmp(&b)));
            let mut free = 0.0_f64;
            for &i in &members {
                self.row[i] = self.row[i].max(free);
                free = self.row[i] + 1.0;
            }
            self.rows = self.rows.max(free.ceil() as usize);
        }
    }

    fn corner(&self, i: usize) -> (f64, f64) {
        (
            20.0 + self.column[i] as f64 * (WIDTH + GAP_X),
            TOP + self.row[i] * (HEIGHT + GAP_Y),
        )
    }

    fn draw(&self, tree: &FaultTree, graph: &TreeGraph) -> String {
        let (width, height) = (
            40.0 + self.columns as f64 * (WIDTH + GAP_X) - GAP_X,
            TOP + self.rows as f64 * (HEIGHT + GAP_Y) + 10.0,
        );
        let line = tree
            .product_line
            .as_ref()
            .map_or(tree.version.as_str(), |l| l.as_str());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"t d\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"'Noto Sans SC','Microsoft YaHei',sans-serif\" font-size=\"12\">\n"
        );
        let _ = writeln!(
            svg,
            "<title id=\"t\">故障树 {} {}</title>",
            escape(line),
            escape(&tree.version)
        );
        let _ = writeln!(svg, "<desc id=\"d\">{}</desc>", escape(&describe(tree, graph)));
        let _ = writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"20\" y=\"28\" font-size=\"16\">故障树 {}（左：现象与代码，右：原因）</text>",
            escape(line)
        );
        if graph.nodes.len() > DRAWN {
            let _ = writeln!(
                svg,
                "<text x=\"20\" y=\"46\">共 {} 个节点，只画前 {DRAWN} 个</text>",
                graph.nodes.len()
            );
        }
        for &(from, to) in self
            .from_to
            .iter()
            .filter(|&&(from, to)| from < DRAWN && to < DRAWN)
        {
            let ((x1, y1), (x2, y2)) = (self.corner(to), self.corner(from));
            let (x1, y1, y2) = (x1 + WIDTH, y1 + HEIGHT / 2.0, y2 + HEIGHT / 2.0);
            let bend = (x1 + x2) / 2.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{x1:.1} {y1:.1}C{bend:.1} {y1:.1} {bend:.1} {y2:.1} {x2:.1} {y2:.1}\" fill=\"none\" stroke=\"#9aa5b1\"/>"
            );
        }
        for (i, node) in graph.nodes.iter().enumerate().take(DRAWN) {
            self.draw_node(&mut svg, i, node);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_node(&self, svg: &mut String, i: usize, node: &TreeNode) {
        let (x, y) = self.corner(i);
        let (fill, mark) = match node.kind.as_str() {
            "symptom" => ("#fff3d6".to_owned(), String::new()),
            "fault_code" => ("#fde2e4".to_owned(), String::new()),
            "event" => (
                heat(node.posterior),
                node.posterior
                    .map_or(String::new(), |p| format!(" {:.0}%", p * 100.0)),
            ),
            "constant" => ("#eee".to_owned(), String::new()),
            kind => ("#e3ecf7".to_owned(), format!(" [{kind}]")),
        };
        let text: String = if node.name.chars().count() > 13 {
            node.name.chars().take(12).chain(['…']).collect()
        } else {
            node.name.clone()
        };
        let chance = node
            .posterior
            .or(node.probability)
            .map_or(String::new(), |p| format!("，概率 {p:.4}"));
        let _ = writeln!(
            svg,
            "<g><title>{}{chance}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\" fill=\"{fill}\" \
             stroke=\"#52606d\"/><text x=\"{:.1}\" y=\"{:.1}\">{}{}</text></g>",
            escape(&node.name),
            x + 8.0,
            y + 17.0,
            escape(&text),
            escape(&mark)
        );
    }
}

/// White to deep orange with the posterior; text stays readable on all of it.
fn heat(posterior: Option<f64>) -> String {
    let share = posterior.unwrap_or(0.0).clamp(0.0, 1.0);
    let channel = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    format!(
        "#{:02x}{:02x}{:02x}",
        channel(255.0, 255.0),
        channel(255.0, 140.0),
        channel(255.0, 60.0)
    )
}

fn describe(tree: &FaultTree, graph: &TreeGraph) -> String {
    let mut likely: Vec<(&str, f64)> = graph
        .nodes
        .iter()
        .filter_map(|n| n.posterior.map(|p| (n.name.as_str(), p)))
        .collect();
    likely.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named: Vec<String> = likely
        .iter()
        .take(5)
        .map(|(name, p)| format!("{name} {:.0}%", p * 100.0))
        .collect();
    let counts = format!(
        "{} 个现象，{} 个故障代码，{} 个中间事件，{} 个原因。",
        tree.symptoms.len(),
        tree.codes.len(),
        tree.gates.len(),
        tree.events.len()
    );
    if named.is_empty() {
        counts
    } else {
        format!("{counts}最可能的原因：{}。", named.join("，"))
    }
}
