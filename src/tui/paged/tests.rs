use super::*;

#[derive(Debug)]
struct Line(u32);

impl PagedRow for Line {
    type Key = u32;
    const FRESH: usize = 300;

    fn key(&self) -> u32 {
        self.0
    }
}

type List = Paged<Line, &'static str>;

/// As in the store: rows that match, newest first, up to the limit, and whether there are more.
fn answer(list: &mut List, query: PageQuery<u32, &'static str>, store: &[u32], wanted: &'static str) -> bool {
    let matching = store.iter().rev().filter(|key| query.before.is_none_or(|before| **key < before));
    let mut rows: Vec<Line> = matching.map(|key| Line(*key)).collect();
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let again = list.loaded(query, rows, more, &wanted);
    list.settle(&wanted);
    again
}

fn keys(list: &List) -> Vec<u32> {
    list.rows.iter().map(|row| row.0).collect()
}

fn up_to(last: u32) -> Vec<u32> {
    (1..=last).collect()
}

/// A list whose first page is here.
fn list_of(store: &[u32]) -> List {
    let mut list = List::default();
    let query = list.reload("all").expect("a question");
    assert!(!answer(&mut list, query, store, "all"));
    list
}

#[test]
fn the_first_page_selects_the_newest_and_pages_below_join_it_without_a_hole() {
    let store = up_to(250);
    let mut list = list_of(&store);
    assert_eq!((list.rows.len(), list.selected, list.more), (100, Some(250), true));
    // Far from the end nothing is asked for.
    assert_eq!(list.older(&"all", 20), None);
    for (rows, more) in [(200, true), (250, false)] {
        list.select(list.rows.len() - 1);
        let query = list.older(&"all", 20).expect("a question");
        assert_eq!((query.before, query.limit), (list.selected, 100));
        assert_eq!(list.older(&"all", 20), None, "one question at a time");
        answer(&mut list, query, &store, "all");
        assert_eq!((list.rows.len(), list.more), (rows, more));
    }
    assert_eq!(list.older(&"all", 20), None);
    assert_eq!(keys(&list), (1..=250).rev().collect::<Vec<_>>());
}

#[test]
fn reading_the_newest_again_keeps_the_older_and_no_more_than_are_fresh_are_read_again() {
    let store = up_to(1_000);
    let mut list = list_of(&store);
    for _ in 0..5 {
        list.select(list.rows.len() - 1);
        let query = list.older(&"all", 1).expect("a question");
        answer(&mut list, query, &store, "all");
    }
    let query = list.reload("all").expect("a question");
    assert_eq!(query.limit, 300);
    answer(&mut list, query, &up_to(1_002), "all");
    assert_eq!(keys(&list), (401..=1_002).rev().collect::<Vec<_>>());
    assert_eq!((list.selected, list.more), (Some(501), true));
}

#[test]
fn so_many_new_rows_that_none_is_in_common_leave_no_hole() {
    let mut list = list_of(&up_to(150));
    let query = list.reload("all").expect("a question");
    answer(&mut list, query, &up_to(900), "all");
    assert_eq!(keys(&list), (801..=900).rev().collect::<Vec<_>>());
    assert!(list.more);
}

#[test]
fn rows_that_come_in_all_day_are_not_all_held_but_those_about_the_selected_one() {
    let mut list = list_of(&up_to(400));
    for newest in (450..=5_000).step_by(50) {
        list.select(40);
        let selected = list.selected;
        let query = list.reload("all").expect("a question");
        answer(&mut list, query, &up_to(newest), "all");
        assert!(list.rows.len() <= 700 && list.more, "{}", list.rows.len());
        assert_eq!(list.selected, selected);
        let all: Vec<u32> = (0..).map(|below| newest - below).take(list.rows.len()).collect();
        assert_eq!(keys(&list), all, "without a hole");
    }
    // What is below can be reached again.
    list.select(list.rows.len() - 1);
    assert!(list.older(&"all", 20).is_some());
}

#[test]
fn an_answer_to_another_filter_is_passed_over_and_what_is_wanted_is_asked_for() {
    let mut list = list_of(&[1, 2, 3]);
    let query = list.reload("cat").expect("a question");
    // The filter is taken back before the answer is here.
    assert!(answer(&mut list, query, &[2], "all"));
    assert_eq!((keys(&list), list.shows(&"all")), (vec![3, 2, 1], true));
    // A page below one list is never joined to another.
    let (mut list, store) = (list_of(&up_to(150)), up_to(150));
    list.select(99);
    let below = list.older(&"all", 1).expect("a question");
    list.shown = Some("cat");
    answer(&mut list, below, &store, "all");
    assert_eq!(list.rows.len(), 100);
}

#[test]
fn changes_while_a_question_is_under_way_are_one_more_question() {
    let mut list = List::default();
    let query = list.reload("all").expect("a question");
    for _ in 0..1_000 {
        assert_eq!(list.reload("all"), None);
    }
    assert!(answer(&mut list, query, &[1], "all"));
    let query = list.reload("all").expect("the one more");
    assert!(!answer(&mut list, query, &[1, 2], "all"));
}

#[test]
fn the_selection_stays_on_its_row_and_a_row_that_is_gone_leaves_it_to_the_next() {
    let mut list = list_of(&[1, 2, 3, 4, 5]);
    list.select(2);
    for (store, selected) in [
        (vec![1, 2, 3, 4, 5, 6, 7], Some(3)),
        (vec![1, 2, 4, 5, 6, 7], Some(2)),
        (vec![1, 4, 5, 6, 7], Some(1)),
        // It was the last: the one above.
        (vec![4, 5, 6, 7], Some(4)),
        (vec![], None),
        (vec![8], Some(8)),
    ] {
        let query = list.reload("all").expect("a question");
        answer(&mut list, query, &store, "all");
        assert_eq!(list.selected, selected, "{store:?}");
    }
}

#[test]
fn another_filter_selects_its_first_row_unless_the_selected_one_is_among_them() {
    for (found, selected) in [(vec![2, 4], 4), (vec![2, 5, 9], 5), (vec![7, 9], 9)] {
        let mut list = list_of(&up_to(9));
        list.select(4);
        let query = list.reload("cat").expect("a question");
        answer(&mut list, query, &found, "cat");
        assert_eq!(list.selected, Some(selected), "{found:?}");
    }
}

#[test]
fn what_cannot_be_read_is_not_asked_for_again_of_its_own_accord() {
    let mut list = list_of(&up_to(150));
    list.select(99);
    assert!(list.older(&"all", 1).is_some());
    assert!(!list.not_read());
    assert_eq!((list.rows.len(), list.older(&"all", 1)), (100, None));
    // A change of the store is a reason.
    let query = list.reload("all").expect("a question");
    answer(&mut list, query, &up_to(150), "all");
    assert!(list.older(&"all", 1).is_some());
    // So is one that came while the question was under way.
    assert_eq!(list.reload("all"), None);
    assert!(list.not_read());
}

#[test]
fn a_row_far_below_is_read_as_far_as_to_it() {
    let store = up_to(1_000);
    let mut list = list_of(&store);
    list.go_to(350);
    let mut pages = 0;
    while let Some(query) = list.older(&"all", 20) {
        assert_eq!((query.limit, list.selected), (300, Some(350)));
        answer(&mut list, query, &store, "all");
        pages += 1;
    }
    assert_eq!((pages, list.selected_index(), list.reveal), (2, Some(650), None));
}

#[test]
fn a_row_that_is_newer_than_all_is_waited_for_and_one_that_never_comes_is_given_up() {
    let mut list = list_of(&up_to(150));
    // Submitted just now: the answer under way does not know it yet.
    let query = list.reload("all").expect("a question");
    list.go_to(151);
    assert_eq!(list.reload("all"), None);
    assert!(list.loaded(
        query,
        up_to(150).iter().rev().take(100).map(|key| Line(*key)).collect(),
        true,
        &"all"
    ));
    let query = list.reload("all").expect("a question");
    list.settle(&"all");
    assert_eq!((list.selected, list.older(&"all", 20)), (Some(151), None));
    answer(&mut list, query, &up_to(151), "all");
    assert_eq!((list.selected_index(), list.reveal), (Some(0), None));
    // It does not match what is shown, and older pages hold no newer row.
    list.go_to(999);
    list.settle(&"all");
    assert_eq!((list.selected, list.older(&"all", 20)), (Some(151), None));
}
