//! Each state of a release and what people see of it. `UPDATE_EXPECT=1 cargo test ...` rewrites what is expected.

use changeover_cli::text;
use changeover_cli::view::View;
use expect_test::expect_file;

use crate::states::{self, State, now};

#[test]
fn every_state_has_its_screen() {
    for name in states::names() {
        let State { release, pods } = State::read(&name);
        let screen = text::screen(&View::of(&release, &pods, now()), now());
        expect_file![format!("screens/{name}.txt")].assert_eq(&screen);
    }
}

#[test]
fn a_screen_as_json() {
    let State { release, pods } = State::read("preparing");
    let view = View::of(&release, &pods, now());
    let json = serde_json::to_string_pretty(&view).unwrap() + "\n";
    expect_file!["screens/preparing.json"].assert_eq(&json);
}

#[test]
fn the_history_has_a_line_for_each_release() {
    let status = State::read("rolled-back").release.status.unwrap();
    let table = text::history(&status.history, now());
    expect_file!["screens/history.txt"].assert_eq(&table);
}
