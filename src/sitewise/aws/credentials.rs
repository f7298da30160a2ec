//! Credentials that are reloaded when AWS rejects them.
//!
//! The SDK reads a profile's files once, and static keys never expire. Rotated keys would otherwise
//! be used only after a restart.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::identity::IdentityCache;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_iotsitewise::config::{ConfigBag, RuntimeComponents};
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};

/// The shortest time between two reloads.
const PAUSE: Duration = Duration::from_secs(5);

/// Builds the provider chain.
pub(super) type Make = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Option<SharedCredentialsProvider>> + Send>>
        + Send
        + Sync,
>;

/// The credentials of all calls, with their identity cache.
#[derive(Clone)]
pub(super) struct Renewed(Arc<Inner>);

struct Inner {
    /// None if the provider is fixed.
    make: Option<Make>,
    state: Mutex<State>,
}

struct State {
    provider: Option<SharedCredentialsProvider>,
    cache: SharedIdentityCache,
    renewed: Option<Instant>,
}

impl Renewed {
    /// Starts with `provider`; later ones are built by `make`.
    pub(super) fn new(provider: Option<SharedCredentialsProvider>, make: Option<Make>) -> Self {
        let state = State { provider, cache: IdentityCache::lazy().build(), renewed: None };
        Self(Arc::new(Inner { make, state: Mutex::new(state) }))
    }

    /// AWS rejected them.
    pub(super) fn refused(&self) {
        self.with(|state, again| {
            if state.renewed.is_some_and(|at| at.elapsed() < PAUSE) {
                return;
            }
            state.renewed = Some(Instant::now());
            state.cache = IdentityCache::lazy().build();
            if again {
                state.provider = None;
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, bool) -> T) -> T {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut state, self.0.make.is_some())
    }

    async fn load(&self) -> provider::Result {
        let provider = match (self.with(|state, _| state.provider.clone()), &self.0.make) {
            (Some(provider), _) => Some(provider),
            (None, Some(make)) => {
                let made = make().await;
                self.with(|state, _| state.provider.clone_from(&made));
                made
            }
            (None, None) => None,
        };
        let none = || CredentialsError::not_loaded("no source of credentials");
        let loaded = provider.ok_or_else(none)?.provide_credentials().await;
        if loaded.is_err() {
            // Only a new provider sees a file that is written later.
            self.with(|state, again| {
                if again {
                    state.provider = None;
                }
            });
        }
        loaded
    }
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").finish_non_exhaustive()
    }
}

impl ProvideCredentials for Renewed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

impl ResolveCachedIdentity for Renewed {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.with(|state, _| state.cache.clone());
        IdentityFuture::new(async move {
            cache.resolve_cached_identity(resolver, components, config).await
        })
    }
}
