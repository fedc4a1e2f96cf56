//! Conversions: the users of an instance go over from one pool for all to a pool for each organization, or back; or an organization becomes
//! an application of its own, with its people.
//!
//! A conversion is planned first: the plan is a report of numbers and conflicts, and nothing is changed. Whoever confirms the plan's
//! fingerprint closes the instance to everybody else; when all who were inside are gone, the plan is made once more, and only if it is still
//! the same the job goes on in small steps, each of them one commit. A server that is killed on the way goes on where it was.
//!
//! This room is the only one whose statements touch other rooms' tables, because what moves is all that belongs to somebody:
//! [`tables`] says of each table what becomes of it.
//!
//! | file | holds |
//! |---|---|
//! | `plan` | the report: numbers and conflicts |
//! | `begin` | dry runs, confirmations, calling off |
//! | `run` | the job |
//! | `isolate` | one pool becomes many |
//! | `share` | many pools become one |
//! | `depart` | an organization becomes an application |
//! | `copies` | a user comes to be a second time, in another pool |
//! | `tables` | what becomes of each table |

mod begin;
mod copies;
mod depart;
mod isolate;
mod plan;
mod run;
mod share;
mod store;
pub mod tables;

pub use begin::{At, Begun, Whose, cancel, confirm, dry_run, get, list, list_copies, resume};
pub use plan::{Conflict, Numbers, Report};
pub(crate) use run::{GO_ON, go_on};

use ::store::text_enum;
use foundation::{ApplicationId, ConversionId, InstanceId, OrganizationId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

text_enum! {
    /// What becomes what.
    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Kind {
        /// One pool for all becomes a pool for each organization.
        ToIsolated = "to_isolated",
        /// The pools of organizations become one for all.
        ToShared = "to_shared",
        /// An organization becomes an application of its own.
        OrganizationToApplication = "organization_to_application",
    }
}

text_enum! {
    /// How far a conversion is.
    pub enum Status {
        /// The instance is closed; those inside come to an end.
        Waiting = "waiting",
        /// It is under way, and goes on to its end.
        Running = "running",
        /// It is done.
        Completed = "completed",
        /// The data had changed before it began: nothing was changed, and the report says what is different.
        Refused = "refused",
        /// It was called off before it began.
        Canceled = "canceled",
    }
}

text_enum! {
    /// What becomes of users who belong to several organizations.
    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Several {
        /// They are a conflict.
        #[default]
        Refuse = "refuse",
        /// Each further organization gets a copy of them, with an id of its own.
        Copy = "copy",
    }
}

text_enum! {
    /// What becomes of users who belong to no organization.
    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Without {
        /// They are a conflict.
        #[default]
        Refuse = "refuse",
        /// They are deleted.
        Delete = "delete",
    }
}

text_enum! {
    /// What becomes of an address or a username that users of several pools have.
    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Same {
        /// It is a conflict.
        #[default]
        Refuse = "refuse",
        /// Whoever has had it first keeps it. The others' address is unverified from then on, and their username is gone; nobody gets into
        /// anybody else's account by it.
        Unclaim = "unclaim",
    }
}

/// What somebody wants to be converted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Wanted {
    /// What becomes what.
    pub kind: Kind,
    /// The organization that becomes an application.
    pub organization: Option<OrganizationId>,
    /// What the application is called then; as the organization, if nothing is said.
    pub name: Option<String>,
    /// What becomes of users who belong to several organizations.
    pub several: Several,
    /// What becomes of users who belong to none.
    pub without: Without,
    /// What becomes of identifiers that users of several pools have.
    pub same: Same,
}

/// A conversion that was confirmed.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// Its id.
    pub id: ConversionId,
    /// What is wanted.
    pub wanted: Wanted,
    /// How far it is.
    pub status: Status,
    /// What tells its plan from every other.
    pub fingerprint: String,
    /// The plan.
    pub report: Report,
    /// What was done so far.
    pub done: Numbers,
    /// Which part of the work it is at.
    pub(crate) stage: i64,
    /// The application that it has made.
    pub application: Option<ApplicationId>,
    /// The instance of that application.
    pub target: Option<InstanceId>,
    /// When it began to change something.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
}

/// A user who came to be a second time.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Who they were.
    pub user: UserId,
    /// The organization that they are in as somebody else now.
    pub organization: OrganizationId,
    /// Who they are there.
    pub copy: UserId,
}
