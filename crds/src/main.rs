//! Prints the CustomResourceDefinition of `ExchangeRelease` as YAML; `make crds` keeps it in the tree.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("# Generated from crds/src by `make crds`: change the types there.");
    print!(
        "{}",
        serde_yaml_ng::to_string(&changeover_crds::definition()?)?
    );
    Ok(())
}
