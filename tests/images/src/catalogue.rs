//! Which images there are, and what each is built from.

/// One image, and how it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Fully qualified, so that no container runtime takes it for a name on a public registry.
    pub name: String,
    /// What goes into it.
    pub content: Content,
}

/// What goes into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One static binary, by the root `Dockerfile`.
    Program {
        /// File name of the binary.
        binary: &'static str,
        /// Stage of the `Dockerfile`.
        target: &'static str,
        /// Build arguments beside `BINARY`.
        arguments: Vec<(&'static str, String)>,
    },
    /// A root file system from Debian's packages, by `postgres/Dockerfile`.
    Postgres,
}

const OPERATOR: &str = "localhost/changeover-operator:dev";
const POSTGRES: &str = "localhost/postgres:15";

/// The services of the exchange with the feature that version 2 adds to each.
const SERVICES: [(&str, &str, &str); 3] = [
    ("user", "user-service", "member-since"),
    ("trade", "trade-service", "book-spread"),
    ("notification", "notification-service", "unread-count"),
];

/// The version that is broken on purpose, and the service that breaks it: the others are sound, and must not go live either.
const FAULTY: (&str, &str) = ("3.0.0", "user");

/// Every image that the demo and the tests use.
pub fn catalogue() -> Vec<Recipe> {
    let mut recipes = vec![
        Recipe {
            name: OPERATOR.to_owned(),
            content: Content::Program {
                binary: "changeover-operator",
                target: "program",
                arguments: Vec::new(),
            },
        },
        Recipe {
            name: POSTGRES.to_owned(),
            content: Content::Postgres,
        },
    ];
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        recipes.extend(SERVICES.map(|service| exchange(service, version)));
    }
    recipes
}

fn exchange((service, binary, feature): (&str, &'static str, &str), version: &str) -> Recipe {
    let features = match version {
        "1.0.0" => "limit-orders".to_owned(),
        _ => format!("limit-orders,{feature}"),
    };
    let mut arguments = vec![("VERSION", version.to_owned()), ("FEATURES", features)];
    let faulty = FAULTY == (version, service);
    if faulty {
        arguments.push(("FAULT", "wrong-version".to_owned()));
    }
    Recipe {
        name: format!("localhost/exchange-{service}:{version}"),
        content: Content::Program {
            binary,
            target: if faulty {
                "exchange-faulty"
            } else {
                "exchange"
            },
            arguments,
        },
    }
}

impl Recipe {
    /// The archive's file name: `localhost/exchange-user:1.0.0` is kept as `exchange-user-1.0.0.tar`.
    pub fn archive(&self) -> String {
        let short = self.name.rsplit('/').next().unwrap_or(&self.name);
        format!("{}.tar", short.replace(':', "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_images_share_a_name_an_archive_or_their_content() {
        let all = catalogue();
        let names: HashSet<_> = all.iter().map(|recipe| &recipe.name).collect();
        let archives: HashSet<_> = all.iter().map(Recipe::archive).collect();
        let contents: HashSet<_> = all
            .iter()
            .map(|recipe| format!("{:?}", recipe.content))
            .collect();
        assert_eq!((names.len(), archives.len(), contents.len()), (11, 11, 11));
    }

    #[test]
    fn only_the_user_service_of_version_3_is_broken() {
        let faulty: Vec<_> = catalogue()
            .into_iter()
            .filter(|recipe| format!("{:?}", recipe.content).contains("FAULT"))
            .map(|recipe| recipe.name)
            .collect();
        assert_eq!(faulty, ["localhost/exchange-user:3.0.0"]);
    }

    #[test]
    fn archives_are_named_after_image_and_tag() {
        let archives: Vec<_> = catalogue().iter().map(Recipe::archive).collect();
        assert!(archives.contains(&"exchange-user-1.0.0.tar".to_owned()));
        assert!(archives.contains(&"changeover-operator-dev.tar".to_owned()));
        assert!(archives.contains(&"postgres-15.tar".to_owned()));
    }
}
