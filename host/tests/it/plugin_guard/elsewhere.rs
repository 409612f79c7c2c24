//! What plugins and their files may do that is shown beside its subject, and where that is. What a message alone makes a
//! plugin do stands in `adversaries`.

use std::path::Path;

/// What is done, and the file and the test that show what comes of it.
const SHOWN: &[(&str, &str, &str)] = &[
    // What it asks outside.
    ("a slow server", HTTP, "a_slow_server_costs_the_guest_its_patience_and_not_its_answer"),
    (
        "more patience than it may have",
        HTTP,
        "a_request_may_take_as_long_as_the_operator_says_and_less_where_the_plugin_says_so",
    ),
    ("an answer without an end", HTTP, "requests_and_answers_have_a_size"),
    ("a host that is not granted", HTTP, "nothing_is_asked_beyond_the_grant"),
    ("a redirect to elsewhere", HTTP, "a_redirect_to_where_nothing_is_granted_is_an_answer_and_leads_nowhere"),
    ("a granted name of this side", HTTP, "a_name_that_leads_to_this_side_is_refused_although_it_is_granted"),
    ("DNS rebinding", OUTBOUND, "a_name_that_is_public_when_it_is_looked_at_is_not_private_when_it_is_connected_to"),
    ("a name of several addresses", OUTBOUND, "a_name_that_leads_to_several_addresses_leads_to_none_of_this_side"),
    ("a cloud's secrets", HTTP, "where_clouds_keep_secrets_no_plugin_is_sent_although_it_is_stored_as_granted"),
    ("headers of proxies", HTTP, "headers_of_the_connection_and_of_proxies_are_the_hosts_own"),
    ("requests without an end", HTTP, "one_call_asks_so_often_and_no_more"),
    ("messages without an end", WECHAT, "one_call_asks_wechat_so_often_and_no_more"),
    ("WeChat's secrets", WECHAT, "tokens_and_secrets_are_out_of_reach_whatever_is_granted"),
    // What is others'.
    ("another app's order", "tests/it/plugin_outside/orders.rs", ORDERS_OF_OTHERS),
    ("another app's user", "tests/it/plugin_outside/users.rs", "users_are_there_only_by_grant_and_of_the_app_alone"),
    ("another app's store", "tests/it/plugin_imports.rs", "a_store_is_there_only_by_grant_and_is_the_apps_own"),
    ("another app's configuration", "tests/it/plugin_imports.rs", "configuration_reaches_the_plugin_of_its_app_alone"),
    ("what another call has left", "tests/it/plugin_guard/leftovers.rs", "nothing_of_one_call_is_there_in_the_next"),
    ("a store without an end", "tests/it/plugin_guard/limits.rs", "each_limit_ends_what_exceeds_it"),
    ("a store without an end, for all", "tests/it/storage/plugin_kv.rs", KV_QUOTA),
    ("memory of many calls", FAIRNESS, "an_app_that_hoards_memory_leaves_the_others_theirs"),
    ("calls without an end", FAIRNESS, "an_app_that_floods_a_plugin_does_not_starve_the_others"),
    ("a log without an end", FAIRNESS, "an_app_that_floods_the_log_of_a_plugin_does_not_silence_the_others"),
    ("a line that passes for the host's", "tests/it/plugin_guard/logged.rs", LINES_OF_OTHERS),
    ("threads that answer others", "tests/it/plugin_guard/neighbours.rs", THREADS_OF_OTHERS),
    // What is in its file: most are cases of one table.
    ("no WebAssembly", FILES, "every_file_is_refused_at_its_step_and_in_its_words"),
    ("a core module", FILES, "every_file_is_refused_at_its_step_and_in_its_words"),
    ("another world", FILES, "every_file_is_refused_at_its_step_and_in_its_words"),
    ("imports of files and sockets", FILES, "every_file_is_refused_at_its_step_and_in_its_words"),
    ("compile bombs", FILES, "every_file_is_refused_at_its_step_and_in_its_words"),
    ("a compile bomb at the start", COMPILE, "a_bomb_is_a_refused_file_and_the_server_is_none_the_larger"),
    ("code without an end", COMPILE, "code_without_an_end_is_not_read_for_as_long_as_it_comes"),
    ("a file that compiles for ever", FILES, "a_file_that_takes_the_compiler_for_ever_is_given_up"),
    ("a truncated file", FILES, "a_file_that_is_cut_anywhere_says_how_much_is_missing_at_least"),
    ("a damaged file", "tests/it/admission/flips.rs", "a_damaged_file_is_refused_or_let_in_and_never_more_than_that"),
    ("a file of 100 MiB, and links in circles", FILES, "odd_things_in_the_folder_hold_nobody_up"),
    (
        "links in circles, and no end",
        "tests/it/reload/files.rs",
        "links_in_circles_and_what_is_no_file_hold_nothing_up",
    ),
    (
        "a link that leads nowhere, over a good one",
        "tests/it/reload/files.rs",
        "what_a_link_leads_to_is_followed_at_every_step",
    ),
    ("compiled code that was changed", RELOAD, "a_compiled_plugin_that_somebody_changed_is_compiled_again"),
    ("a broken file over a good one", RELOAD, "a_broken_file_leaves_the_last_good_version_running"),
    ("a file that is half there", RELOAD, "a_slow_copy_is_not_taken_for_a_version"),
    // What it does again and again.
    ("failures without an end", "tests/it/plugin_guard/breaker.rs", BREAKER),
    ("traps without an end", "tests/it/reload/load.rs", "calls_that_trap_leave_nothing_behind"),
    ("pages that misbehave", "tests/it/pages/failures.rs", "whatever_a_page_does_it_costs_its_own_answer"),
];

const HTTP: &str = "tests/it/plugin_outside/http.rs";
const WECHAT: &str = "tests/it/plugin_outside/wechat.rs";
const OUTBOUND: &str = "src/upstream/outbound.rs";
const FAIRNESS: &str = "tests/it/plugin_guard/fairness.rs";
const FILES: &str = "tests/it/admission/files.rs";
const COMPILE: &str = "tests/it/admission/compile.rs";
const RELOAD: &str = "tests/it/reload/mod.rs";
const ORDERS_OF_OTHERS: &str = "orders_are_the_apps_own_and_the_first_merchant_has_the_greatest_weight";
const KV_QUOTA: &str = "the_quota_holds_for_values_keys_and_everything_together";
const LINES_OF_OTHERS: &str = "what_a_plugin_says_does_not_pass_for_a_line_of_the_hosts";
const THREADS_OF_OTHERS: &str = "nobody_waits_for_the_end_of_a_call_that_is_another_plugins";
const BREAKER: &str = "a_plugin_that_keeps_failing_for_an_app_is_not_called_for_that_app";

#[test]
fn each_is_shown_where_it_is_said_to_be() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_shown = |file: &str, test: &str| {
        let text = std::fs::read_to_string(package.join(file)).unwrap();
        text.contains(&format!(" fn {test}() {{"))
    };
    let missing: Vec<_> = SHOWN.iter().filter(|(_, file, test)| !is_shown(file, test)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
