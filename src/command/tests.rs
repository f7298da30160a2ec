//! Commands through the whole pure middle: a plant, the bridge, SiteWise's stand-in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::rig::{Rig, START, gist};
use super::answer::Code;
use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::{Metric, Template, Typed};
use crate::sparkplug::message::Qos;
use crate::time::Timestamp;

mod course;
mod doubts;
mod random;
mod refusals;
mod restarts;
mod rig;
mod spelling;
