use changeover_e2e::{SERVICES, programs};

/// Unpacked: an image of a service is this one file.
const MOST: u64 = 15_000_000;

#[test]
fn the_image_of_a_service_is_small() {
    for service in SERVICES {
        let program = programs().unwrap().join(format!("{service}-service"));
        let bytes = program.metadata().unwrap().len();
        assert!(bytes <= MOST, "{service} takes {bytes} bytes");
    }
}
