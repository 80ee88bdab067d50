//! Which step of one revision is which of the other: by id, then by name, then by equal work; and which of them have moved. Compares nothing else.

use std::collections::BTreeSet;

use super::placed::Placed;

/// Steps that belong together.
pub struct Pairs {
    /// Indices, old and new, in the order of the new ones.
    pub both: Vec<(usize, usize)>,
    /// New indices of those that stand at another place.
    pub moved: BTreeSet<usize>,
}

impl Pairs {
    /// The new index of an old step.
    pub fn new_of(&self, old: usize) -> Option<usize> {
        self.both.iter().find(|(one, _)| *one == old).map(|(_, other)| *other)
    }

    /// The old index of a new step.
    pub fn old_of(&self, new: usize) -> Option<usize> {
        self.both.iter().find(|(_, other)| *other == new).map(|(one, _)| *one)
    }
}

/// The pairs of two revisions.
pub fn pairs(before: &[Placed<'_>], after: &[Placed<'_>]) -> Pairs {
    let mut both = Vec::new();
    join(&mut both, before, after, |one, other| one.written.id == other.written.id);
    join(&mut both, before, after, |one, other| one.written.name.value == other.written.name.value);
    join(&mut both, before, after, |one, other| {
        let work = one.work_lines();
        !work.is_empty() && work == other.work_lines()
    });
    let known = both.clone();
    join(&mut both, before, after, |one, other| {
        let holds = |block: &Placed<'_>, child: &Placed<'_>| child.parent == Some(block.at);
        one.written.is_block() && other.written.is_block() && known.iter().any(|(a, b)| holds(one, &before[*a]) && holds(other, &after[*b]))
    });
    both.sort_by_key(|(_, other)| *other);
    let moved = moved(&both, before, after);
    Pairs { both, moved }
}

fn join(both: &mut Vec<(usize, usize)>, before: &[Placed<'_>], after: &[Placed<'_>], same: impl Fn(&Placed<'_>, &Placed<'_>) -> bool) {
    for one in before {
        if both.iter().any(|(old, _)| *old == one.at) {
            continue;
        }
        let open = |other: &&Placed<'_>| !both.iter().any(|(_, new)| *new == other.at);
        let found = after.iter().filter(open).find(|other| one.written.is_block() == other.written.is_block() && same(one, other));
        both.extend(found.map(|other| (one.at, other.at)));
    }
}

/// Those in another block or list than before, and those that others have overtaken: the fewest that explain the new order.
fn moved(both: &[(usize, usize)], before: &[Placed<'_>], after: &[Placed<'_>]) -> BTreeSet<usize> {
    let partner = |old: Option<usize>| old.map(|old| both.iter().find(|(one, _)| *one == old).map(|(_, new)| *new));
    let at_home = |(one, other): &(usize, usize)| {
        let parent = partner(before[*one].parent);
        let same_block = match (parent, after[*other].parent) {
            (None, None) => true,
            (Some(Some(parent)), Some(new)) => parent == new,
            (None | Some(_), None | Some(_)) => false,
        };
        same_block && before[*one].section == after[*other].section
    };
    let mut moved: BTreeSet<usize> = both.iter().filter(|pair| !at_home(pair)).map(|(_, other)| *other).collect();
    let mut seen = BTreeSet::new();
    for (_, other) in both {
        let home = after[*other].home(after);
        if !seen.insert(format!("{home:?}")) {
            continue;
        }
        let siblings: Vec<(usize, usize)> =
            both.iter().filter(|(_, new)| !moved.contains(new) && after[*new].home(after) == home).copied().collect();
        let kept = longest_rising(&siblings.iter().map(|(old, _)| *old).collect::<Vec<_>>());
        moved.extend(siblings.iter().enumerate().filter(|(index, _)| !kept.contains(index)).map(|(_, (_, new))| *new));
    }
    moved
}

/// Indices of a longest rising part of these numbers; of two equally long ones that which keeps the earlier ones.
fn longest_rising(numbers: &[usize]) -> BTreeSet<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::new(); // the length up to here, and what is before
    for (index, number) in numbers.iter().enumerate() {
        let before =
            (0..index).filter(|earlier| numbers[*earlier] < *number).max_by_key(|earlier| (best[*earlier].0, usize::MAX - earlier));
        best.push((before.map_or(1, |earlier| best[earlier].0 + 1), before));
    }
    let mut kept = BTreeSet::new();
    let mut at = (0..best.len()).max_by_key(|index| (best[*index].0, usize::MAX - index));
    while let Some(index) = at {
        kept.insert(index);
        at = best[index].1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::longest_rising;

    #[test]
    fn the_fewest_steps_are_said_to_have_moved() {
        let kept = |numbers: &[usize]| longest_rising(numbers).into_iter().map(|index| numbers[index]).collect::<Vec<_>>();
        assert_eq!(kept(&[2, 0, 1, 3]), [0, 1, 3]);
        assert_eq!(kept(&[3, 2, 1]), [3]);
        assert_eq!(kept(&[]), Vec::<usize>::new());
    }
}
