//! What the client is told of what was found.

use crate::conn::CloseReason;
use crate::imap::Output;
use posthorn_base::ModSeq;
use posthorn_proto::imap::command::{SearchReturn, Tag};
use posthorn_proto::imap::response::{EsearchHead, EsearchResponse, SearchResponse};
use posthorn_store::view::View;

/// How it is to be told.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) tag: &'a Tag,
    pub(super) by_uid: bool,
    /// A MODSEQ key was asked for.
    pub(super) has_mod_seq: bool,
}

impl Answer<'_> {
    /// Writes SEARCH, or with `returns` ESEARCH. `found` are positions in the view, rising.
    pub(super) async fn write(
        &self,
        view: &View,
        returns: Option<SearchReturn>,
        found: &[usize],
        output: &mut Output<'_>,
    ) -> Result<(), CloseReason> {
        let modseqs = found.iter().filter_map(|at| view.get(*at)).map(|entry| entry.modseq);
        let modseq = modseqs.max().filter(|_| self.has_mod_seq);
        match returns {
            None => self.search(view, found, modseq, output).await,
            // RFC 5182 2.2, example 1: SAVE alone is answered by the tagged response.
            Some(SearchReturn { min: false, max: false, all: false, count: false, .. }) => Ok(()),
            Some(returns) => self.esearch(view, returns, found, modseq, output).await,
        }
    }

    fn number(&self, view: &View, position: usize) -> Option<u32> {
        match self.by_uid {
            true => view.get(position).map(|entry| entry.uid.get()),
            false => u32::try_from(position).ok()?.checked_add(1),
        }
    }

    async fn search(
        &self,
        view: &View,
        found: &[usize],
        modseq: Option<ModSeq>,
        output: &mut Output<'_>,
    ) -> Result<(), CloseReason> {
        let response = SearchResponse::begin(output.bytes());
        for number in found.iter().filter_map(|at| self.number(view, *at)) {
            response.number(output.bytes(), number);
            output.room().await?;
        }
        response.end(output.bytes(), modseq);
        output.room().await
    }

    async fn esearch(
        &self,
        view: &View,
        returns: SearchReturn,
        found: &[usize],
        modseq: Option<ModSeq>,
        output: &mut Output<'_>,
    ) -> Result<(), CloseReason> {
        let number = |at: Option<&usize>| at.and_then(|at| self.number(view, *at));
        let head = EsearchHead {
            by_uid: self.by_uid,
            min: number(found.first()).filter(|_| returns.min),
            max: number(found.last()).filter(|_| returns.max),
            count: returns.count.then_some(found.len()),
        };
        let mut response = EsearchResponse::begin(output.bytes(), self.tag, head);
        if returns.all {
            let mut open: Option<(u32, u32)> = None;
            for number in found.iter().filter_map(|at| self.number(view, *at)) {
                match &mut open {
                    Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                    open => {
                        if let Some((first, last)) = open.replace((number, number)) {
                            response.range(output.bytes(), first, last);
                            output.room().await?;
                        }
                    }
                }
            }
            if let Some((first, last)) = open {
                response.range(output.bytes(), first, last);
            }
        }
        response.end(output.bytes(), modseq);
        output.room().await
    }
}
