//! ONNX Runtime, loaded from the installed library: one environment a process, sessions by path.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use crate::error::InferenceError;

/// The library can be loaded once a process; later calls share it, whatever path they name.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads ONNX Runtime from `library` unless it is loaded already.
fn environment(library: &Path) -> Result<Environment, InferenceError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*slot {
        return Ok(environment.clone());
    }
    let bad = |reason: String| InferenceError::BadModel {
        file: library.to_owned(),
        reason,
    };
    let built = ort::init_from(library)
        .map_err(|e| bad(e.to_string()))?
        .with_name("shifu")
        .with_telemetry(false)
        .build()
        .map_err(|e| bad(e.to_string()))?;
    Ok(slot.insert(built).clone())
}

fn settings(environment: &Environment, threads: usize) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(environment)?
        .with_execution_providers([ep::CPU::default().with_arena_allocator(false).build()])?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_memory_pattern(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?)
}

/// One ONNX model with a single input and a single output.
pub(crate) struct OnnxModel {
    session: Session,
}

impl OnnxModel {
    /// Loads `model` on `threads` threads; memory is given back after every run, spinning is off.
    pub(crate) fn load(library: &Path, model: &Path, threads: usize) -> Result<Self, InferenceError> {
        let bad = |reason: String| InferenceError::BadModel {
            file: model.to_owned(),
            reason,
        };
        let environment = environment(library)?;
        let mut builder = settings(&environment, threads).map_err(|e| bad(e.to_string()))?;
        let session = builder.commit_from_file(model).map_err(|e| bad(e.to_string()))?;
        if session.inputs().len() != 1 || session.outputs().len() != 1 {
            return Err(bad("one input and one output are expected".to_owned()));
        }
        Ok(Self { session })
    }

    /// A text stored in the model, such as its character list.
    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        self.session.metadata().ok()?.custom(key)
    }

    /// Runs the model; hands shape and values of the output to `read`.
    pub(crate) fn run<T>(
        &mut self,
        shape: [usize; 4],
        values: &[f32],
        read: impl FnOnce(&[i64], &[f32]) -> T,
    ) -> Result<T, String> {
        let input = TensorRef::from_array_view((shape, values)).map_err(|e| e.to_string())?;
        let outputs = self.session.run(ort::inputs![input]).map_err(|e| e.to_string())?;
        let (shape, values) = outputs[0]
            .try_extract_tensor::<f32>()
            .map_err(|e| e.to_string())?;
        Ok(read(shape, values))
    }
}
