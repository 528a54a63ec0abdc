use std::sync::Arc;

use crate::{DatabaseUrl, Engine};

/// The engines that this build knows, found by the scheme of a URL.
#[derive(Clone, Default)]
pub struct Registry {
    engines: Vec<Arc<dyn Engine>>,
}

/// The error of a URL whose scheme no engine answers to.
#[derive(Debug, thiserror::Error)]
#[error("no engine is known for {url:?}")]
pub struct UnknownScheme {
    /// The URL, redacted.
    pub url: String,
    /// The schemes that are known.
    pub known: Vec<&'static str>,
}

impl Registry {
    /// A registry without engines.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same registry with one more engine.
    #[must_use]
    pub fn with(mut self, engine: impl Engine + 'static) -> Self {
        self.engines.push(Arc::new(engine));
        self
    }

    /// The engine that a URL names. A URL without a scheme is a path, and belongs to the engine with the scheme `sqlite`.
    ///
    /// # Errors
    /// When no engine answers to the scheme.
    pub fn engine(&self, url: &DatabaseUrl) -> Result<Arc<dyn Engine>, UnknownScheme> {
        let scheme = match url.scheme() {
            Some(scheme) => scheme.to_ascii_lowercase(),
            None if url.secret().starts_with("sqlite:") || !url.secret().is_empty() => {
                "sqlite".to_owned()
            }
            None => String::new(),
        };
        self.engines
            .iter()
            .find(|engine| engine.schemes().contains(&scheme.as_str()))
            .cloned()
            .ok_or_else(|| UnknownScheme {
                url: url.redacted(),
                known: self
                    .engines
                    .iter()
                    .flat_map(|engine| engine.schemes().iter().copied())
                    .collect(),
            })
    }
}
