//! Whether enough different people answered. Counts people, never keys, and never one person twice.

use std::collections::BTreeSet;

use super::Person;

/// How many slots different people of these can fill at once.
pub fn filled_slots(slots: &[Vec<Person>], people: &BTreeSet<Person>) -> usize {
    let mut holder: Vec<Option<&Person>> = vec![None; slots.len()];
    people.iter().filter(|person| seat(slots, person, &mut holder, &mut BTreeSet::new())).count()
}

/// Whether every slot is filled by another person.
pub fn filled(slots: &[Vec<Person>], people: &BTreeSet<Person>) -> bool {
    filled_slots(slots, people) == slots.len()
}

/// Whether there are people enough to fill every slot.
pub fn could_be_filled(slots: &[Vec<Person>]) -> bool {
    filled(slots, &slots.iter().flatten().cloned().collect())
}

/// The slots as they may be filled once these people stand in for others: each of them fills one of the slots of these numbers, from 1,
/// and no other.
pub fn with_substitutes(slots: &[Vec<Person>], numbers: &[u32], substitutes: &BTreeSet<Person>) -> Vec<Vec<Person>> {
    let of_slot = |(number, slot): (u32, &Vec<Person>)| {
        let regular = slot.iter().filter(|person| !substitutes.contains(*person));
        let standing_in = substitutes.iter().filter(|_| numbers.contains(&number));
        regular.chain(standing_in).cloned().collect()
    };
    (1..).zip(slots).map(of_slot).collect()
}

/// Finds a slot for a person, moving others to slots that suit them as well (an augmenting path). Each slot is tried once.
fn seat<'a>(slots: &[Vec<Person>], person: &'a Person, holder: &mut [Option<&'a Person>], tried: &mut BTreeSet<usize>) -> bool {
    for (index, slot) in slots.iter().enumerate() {
        if !slot.contains(person) || !tried.insert(index) {
            continue;
        }
        if holder[index].is_none_or(|other| seat(slots, other, holder, tried)) {
            holder[index] = Some(person);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> Vec<Person> {
        names.iter().map(|name| format!("{name}@example.com").parse().unwrap()).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<Person> {
        people(names).into_iter().collect()
    }

    #[test]
    fn two_slots_need_two_people_wherever_each_of_them_fits() {
        let slots = [people(&["bob", "carol"]), people(&["bob"])];
        assert!(filled(&slots, &set(&["bob", "carol"])));
        assert!(!filled(&slots, &set(&["bob"])) && !filled(&slots, &set(&["carol"])));
        assert_eq!(filled_slots(&slots, &set(&["carol", "dave"])), 1);
        assert!(!filled(&[people(&["bob"]), people(&["bob"])], &set(&["bob", "carol"])));
    }

    #[test]
    fn a_gate_that_nobody_could_satisfy_is_told_from_one_that_is_open() {
        assert!(could_be_filled(&[people(&["bob", "carol"]), people(&["bob"])]));
        assert!(!could_be_filled(&[people(&["bob"]), people(&["bob"])]));
        assert!(!could_be_filled(&[Vec::new()]) && could_be_filled(&[]));
    }

    #[test]
    fn who_stands_in_fills_those_slots_and_no_other() {
        let slots = [people(&["bob"]), people(&["carol", "dave"])];
        let places = with_substitutes(&slots, &[1], &set(&["carol"]));
        assert!(filled(&places, &set(&["carol", "dave"])) && !filled(&places, &set(&["bob", "carol"])));
        assert!(!filled(&with_substitutes(&slots, &[], &set(&["carol"])), &set(&["carol", "dave"])));
        assert_eq!(with_substitutes(&slots, &[1], &BTreeSet::new()), slots);
    }

    #[test]
    fn a_long_chain_of_people_is_moved_to_let_one_more_in() {
        let slots = [people(&["a", "b"]), people(&["b", "c"]), people(&["c", "d"]), people(&["d", "z"])];
        assert!(filled(&slots, &set(&["a", "b", "c", "d"])) && filled(&slots, &set(&["b", "c", "d", "z"])));
    }
}
