use crate::{Change, Inverse};

pub(crate) fn derive(_change: &Change<'_>) -> Inverse {
    Inverse::default()
}
