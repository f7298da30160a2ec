//! Client tokens: a write that is repeated with its token is answered as it was the first time.
//!
//! Source: API Reference, `clientToken`. How long AWS remembers one is not documented; here the
//! last ones are kept. A token that comes with another request is refused.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use uuid::Uuid;

use crate::wire::error::{Error, Result};
use crate::wire::operation::Answer;

/// Tokens that are remembered.
const TOKENS: usize = 10_000;

type Key = (&'static str, String);

/// A write that carries a token: which one, and a digest of what it asks.
#[derive(Debug)]
pub(crate) struct Ticket {
    key: Key,
    digest: Uuid,
}

/// The answers to the last writes that carried a token.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    answers: HashMap<Key, (Uuid, Answer)>,
    order: VecDeque<Key>,
}

impl Ticket {
    /// The ticket of a request, if it carries a token.
    pub(crate) fn of(operation: &'static str, input: &Value) -> Option<Self> {
        let token = input.get("clientToken")?.as_str()?.to_owned();
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, input.to_string().as_bytes());
        Some(Self { key: (operation, token), digest })
    }
}

impl Replays {
    /// The answer that was given to this ticket.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` if the token belongs to another request.
    pub(crate) fn get(&self, ticket: &Ticket) -> Result<Option<Answer>> {
        match self.answers.get(&ticket.key) {
            None => Ok(None),
            Some((digest, answer)) if *digest == ticket.digest => Ok(Some(answer.clone())),
            Some(_) => Err(Error::invalid("The clientToken was used with another request")),
        }
    }

    pub(crate) fn put(&mut self, ticket: Ticket, answer: Answer) {
        if self.order.len() >= TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.order.push_back(ticket.key.clone());
        self.answers.insert(ticket.key, (ticket.digest, answer));
    }
}
