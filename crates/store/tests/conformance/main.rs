//! One suite of all operations, on both engines.
//!
//! A test is an `async fn name(engine: &Engine)` in a module here, listed once below. On SQLite
//! each is a test of its own and always runs. On PostgreSQL all of them run in the one ignored test
//! `postgres` (`cargo test -p posthorn-store --test conformance -- --ignored`), each in a database
//! of its own in one cluster that the test starts and stops, first under READ COMMITTED, then under
//! SERIALIZABLE. What only PostgreSQL can do to us is in the ignored test `postgres_alone`.

#![cfg(test)]

#[macro_use]
mod harness;
mod backup;
mod directory;
mod mail;
mod postgres_only;
mod queue;
mod seam;
mod story;

use mail::{accept, bulk, mailboxes, maildrop, messages, model, pending, views, whole};

suite! {
    seam: values_come_back_as_they_went_in,
        sets_of_integers,
        a_duplicate_is_told_apart_and_leaves_nothing,
        nothing_after_a_failure_succeeds,
        rows_say_how_many_changed,
        sums_and_counts_are_integers,
        a_read_cannot_write,
        writers_of_one_row_take_turns,
        the_store_knows_itself;
    accept: what_was_accepted_is_there,
        a_plan_is_carried_out_once,
        a_thousand_recipients_are_one_transaction,
        targets_that_are_gone_mean_inbox_and_one_mailbox_gets_one_copy,
        plans_that_break_the_rules_are_refused_whole,
        an_account_that_is_gone_does_not_stop_the_others,
        conversations,
        appended_messages_keep_what_they_were_given,
        appending_is_all_or_nothing_within_the_quota;
    mailboxes: a_new_account_has_a_mailbox_for_each_role,
        creating_makes_what_is_above,
        a_name_that_comes_back_has_another_uidvalidity,
        renaming_takes_those_below_along,
        renames_that_are_refused,
        deleting_ends_the_messages_step_by_step_and_spares_those_below,
        roles_are_unique,
        subscriptions_are_of_names,
        recent_is_claimed_once,
        account_changes_name_the_mailboxes;
    messages: flags_and_counts,
        unchanged_since_leaves_newer_messages_alone,
        keywords,
        keywords_that_no_message_carries_are_freed,
        expunged_mail_is_restored_under_a_new_uid,
        what_was_in_a_deleted_mailbox_is_restored_into_inbox,
        copies_share_the_email_and_moves_leave_nothing_to_restore,
        purging_takes_emails_and_bodies_with_the_last_placement,
        the_cap_takes_the_oldest,
        summaries_are_of_what_is_there_and_not_too_large,
        dates_are_read_until_a_message_is_purged,
        sums_are_of_the_messages_that_are_there,
        changes_since;
    maildrop: sizes_are_those_of_crlf_line_ends,
        unique_ids_come_and_go_with_their_messages,
        a_maildrop_can_be_read_until_its_messages_are_purged;
    backup: a_restored_store_never_repeats_what_it_forgot;
    directory: domains,
        addresses_lead_to_accounts,
        postmaster_and_abuse_always_reach_somebody,
        aliases_end_and_collapse,
        lists_know_who_may_post,
        credentials,
        logins,
        grants,
        quotas_and_the_end_of_an_account;
    queue: rows_come_back_as_they_were_queued,
        a_dead_destination_hides_its_rows,
        a_lease_ends_by_itself,
        held_rows_wait_for_the_operator,
        the_last_row_takes_its_body_along;
    story: readers_see_their_own_branch,
        lists_are_paged_from_the_newest,
        old_stories_are_removed_some_at_a_time,
        refusals_are_counted;
    whole: a_store_in_use_breaks_no_rule;
    bulk: a_large_copy_appears_at_once_and_nothing_before_it,
        a_copy_that_cannot_be_published_leaves_nothing,
        a_copy_that_was_cut_off_is_taken_back,
        large_sets_are_done_in_steps,
        renaming_inbox_moves_its_messages,
        an_account_is_erased,
        an_accept_in_doubt_is_looked_up;
    pending: a_recorded_plan_is_applied_share_by_share,
        what_a_crash_leaves_is_found,
        shares_of_accounts_that_go_are_given_up,
        nobody_left_is_refused_and_twice_is_once,
        a_plan_for_many_is_answered_with_all_its_copies;
    views: a_view_follows_its_mailbox,
        views_share_one_memory,
        a_session_tells_differences_when_it_may;
    model: random_operations_do_what_a_model_does;
}
