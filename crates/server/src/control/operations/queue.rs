//! Messages that wait to be sent on.

use super::answer::{QUEUE, not_found, parse, result};
use super::{Operations, PAGE};
use crate::control::{Answer, Exchange};
use posthorn_base::{Domain, QueueId};
use posthorn_store::queue::{Hold, ListQueue, QueueFilter, QueueRow, Remove};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who is named in the story of what an operator did.
const BY: &str = "operator";

/// What can be asked about the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum QueueRequest {
    /// One [`QueueItem`] for each row, the oldest first. Done with nothing.
    List {
        /// Only rows for this domain.
        domain: Option<String>,
        /// Only rows of this arrival.
        arrival: Option<String>,
    },
    /// Done with [`QueueItem`].
    Show {
        /// The row.
        id: String,
    },
    /// Keeps a row from being tried. Done with nothing, as are the others.
    Hold {
        /// The row.
        id: String,
    },
    /// Lets it be tried again.
    Release {
        /// The row.
        id: String,
    },
    /// Removes it. Nobody is told but the story.
    Remove {
        /// The row.
        id: String,
    },
}

/// One recipient of one message that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueItem {
    /// The row's id.
    pub id: String,
    /// The arrival it came with: the key of its story.
    pub arrival: String,
    /// The reverse-path; empty for `<>`.
    pub from: String,
    /// The recipient as given.
    pub recipient: String,
    /// Where it goes after aliases.
    pub to: String,
    /// The domain it is sent to.
    pub next_hop: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next one is due.
    pub due_at: String,
    /// When it is given up.
    pub expires_at: String,
    /// Since when an operator holds it.
    pub held_at: Option<String>,
    /// What the other side said last, or what kept us from hearing it.
    pub last_reply: Option<String>,
    /// When it was queued.
    pub created_at: String,
}

impl From<QueueRow> for QueueItem {
    fn from(row: QueueRow) -> QueueItem {
        let QueueRow { row, arrival, held_at, attempts, last_reply, created_at, .. } = row;
        QueueItem {
            id: row.id.to_string(),
            arrival: arrival.to_string(),
            from: row.return_path,
            recipient: row.recipient,
            to: row.final_address,
            next_hop: row.next_hop,
            attempts,
            due_at: row.due_at.to_string(),
            expires_at: row.expires_at.to_string(),
            held_at: held_at.map(|at| at.to_string()),
            last_reply,
            created_at: created_at.to_string(),
        }
    }
}

impl Operations {
    pub(super) async fn queue(
        &self,
        request: QueueRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        match request {
            QueueRequest::List { domain, arrival } => {
                let filter = match (domain, arrival) {
                    (_, Some(arrival)) => QueueFilter::Arrival(parse(&arrival)?),
                    (Some(domain), None) => {
                        QueueFilter::NextHop(parse::<Domain>(&domain)?.ascii().to_owned())
                    }
                    (None, None) => QueueFilter::All,
                };
                self.list_queue(filter, exchange).await?;
            }
            QueueRequest::Show { id } => {
                return result(&QueueItem::from(self.find_queued(parse(&id)?).await?));
            }
            QueueRequest::Hold { id } => self.hold(parse(&id)?, true).await?,
            QueueRequest::Release { id } => self.hold(parse(&id)?, false).await?,
            QueueRequest::Remove { id } => {
                let (queue_id, now) = (parse(&id)?, self.directory.now());
                let event_id = self.directory.ids.next(now);
                let remove = Remove { queue_id, event_id, now, by: BY.to_owned() };
                self.directory.store.engine.write(remove).await?;
            }
        }
        Ok(Value::Null)
    }

    async fn list_queue(
        &self,
        filter: QueueFilter,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Answer> {
        let mut after = None;
        loop {
            let page = ListQueue { filter: filter.clone(), after, limit: PAGE };
            let rows = self.directory.store.engine.read(&page).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.row.id);
            for row in rows {
                exchange.item(&QueueItem::from(row)).await?;
            }
        }
    }

    async fn find_queued(&self, id: QueueId) -> Result<QueueRow, Answer> {
        let filter = QueueFilter::All;
        // Rows are listed by id: the one behind the id before this one.
        let after = QueueId::new(id.get() - 1);
        let rows = self.directory.store.engine.read(&ListQueue { filter, after, limit: 1 }).await?;
        let row = rows.into_iter().find(|row| row.row.id == id);
        row.ok_or_else(|| not_found(format!("there is no queue row {id}"), QUEUE))
    }

    async fn hold(&self, queue_id: QueueId, hold: bool) -> Result<(), Answer> {
        let now = self.directory.now();
        let event_id = self.directory.ids.next(now);
        let operation = Hold { queue_id, event_id, hold, now, by: BY.to_owned() };
        Ok(self.directory.store.engine.write(operation).await?)
    }
}
