//! Lists that come in pages.

use uuid::Uuid;

/// What to send as `after` for the next page: the id of the last item of a full one. After one that is not
/// full there is nothing.
pub fn next_page<T>(page: &[T], limit: u32, id: impl FnOnce(&T) -> Uuid) -> Option<Uuid> {
    let is_full = page.len() >= limit as usize;
    page.last().filter(|_| is_full).map(id)
}
