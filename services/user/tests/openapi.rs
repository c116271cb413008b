//! The OpenAPI document of this service.

use anyhow::Result;
use exchange_testkit::is_checked_in;

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("user-service", env!("CARGO_MANIFEST_DIR"))
}
