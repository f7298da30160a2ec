//! Credentials that are reloaded when AWS rejects them.
//!
//! The SDK reads a profile's files once, and static keys never expire. Rotated keys would otherwise
//! be used only after a restart.

use std::error::Error;
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

/// The shortest time between two providers that are built.
const PAUSE: Duration = Duration::from_secs(5);

/// Builds the provider chain.
pub(crate) type ProviderFactory = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Option<SharedCredentialsProvider>> + Send>>
        + Send
        + Sync,
>;

/// The credentials of all calls, with their identity cache.
#[derive(Clone)]
pub(super) struct RenewableCredentials(Arc<Inner>);

struct Inner {
    /// None if the provider is fixed.
    factory: Option<ProviderFactory>,
    /// How long a call may take.
    call_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    provider: Option<SharedCredentialsProvider>,
    /// The provider is to be built again before it is asked.
    is_stale: bool,
    /// Why it is not properly configured: the SDK says so only once of each provider.
    config_error: Option<String>,
    cache: SharedIdentityCache,
    last_renewal: Option<Instant>,
}

impl State {
    /// Whether a new provider may be built now: it counts as renewed then.
    fn may_renew(&mut self) -> bool {
        if self.last_renewal.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        self.last_renewal = Some(Instant::now());
        true
    }
}

impl RenewableCredentials {
    /// Starts with `provider`; later ones are built by `factory`. A call takes `call_timeout` at most.
    pub(super) fn new(
        provider: Option<SharedCredentialsProvider>,
        factory: Option<ProviderFactory>,
        call_timeout: Duration,
    ) -> Self {
        let is_stale = provider.is_none();
        let cache = cache(call_timeout);
        let state = State { provider, is_stale, config_error: None, cache, last_renewal: None };
        Self(Arc::new(Inner { factory, call_timeout, state: Mutex::new(state) }))
    }

    /// AWS rejected them.
    pub(super) fn invalidate(&self) {
        self.with(|state| {
            if state.may_renew() {
                state.is_stale = true;
                state.cache = cache(self.0.call_timeout);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn load(&self) -> provider::Result {
        if let Some(make) = &self.0.factory
            && self.with(|state| state.is_stale)
        {
            let made = make().await;
            self.with(|state| {
                state.provider = made;
                state.is_stale = false;
                state.config_error = None;
            });
        }
        let loaded = match self.with(|state| state.config_error.clone()) {
            Some(why) => Err(CredentialsError::invalid_configuration(why)),
            None => self.ask().await,
        };
        if let Err(error) = &loaded {
            // Only a new provider sees a file that is written later.
            self.with(|state| state.is_stale |= state.may_renew());
            if let CredentialsError::InvalidConfiguration(_) = error {
                let why = error.source().map(ToString::to_string);
                self.with(|state| state.config_error = why);
            }
        }
        loaded
    }

    async fn ask(&self) -> provider::Result {
        let none = || CredentialsError::not_loaded("no source of credentials");
        let provider = self.with(|state| state.provider.clone()).ok_or_else(none)?;
        // One that hangs has no other end.
        let limit = source_timeout(self.0.call_timeout);
        let loaded = tokio::time::timeout(limit, provider.provide_credentials()).await;
        loaded.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(limit)))
    }
}

/// How long a source may take, of a call that takes this long at most.
fn source_timeout(call: Duration) -> Duration {
    call / 3
}

/// How long a call may wait for credentials that others ask for as well, each in its turn: it ends
/// before the call does, whose own end would be reported as SiteWise's silence.
fn wait_timeout(call: Duration) -> Duration {
    call / 2
}

/// The cache gives up later than we do: its own error is told apart by its words alone.
fn cache(call_timeout: Duration) -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(call_timeout).build()
}

impl fmt::Debug for RenewableCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenewableCredentials").finish_non_exhaustive()
    }
}

impl ProvideCredentials for RenewableCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

impl ResolveCachedIdentity for RenewableCredentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.with(|state| state.cache.clone());
        let limit = wait_timeout(self.0.call_timeout);
        IdentityFuture::new(async move {
            let resolved = cache.resolve_cached_identity(resolver, components, config);
            match tokio::time::timeout(limit, resolved).await {
                Ok(resolved) => resolved,
                Err(_) => Err(CredentialsError::provider_timed_out(limit).into()),
            }
        })
    }
}
