//! Generates the types of test/peers/conf.capnp, which GRID_SCHEMA names the folder of.

fn main() {
    let folder = std::env::var("GRID_SCHEMA").unwrap_or_else(|_| "../../../peers".into());

    println!("cargo:rerun-if-env-changed=GRID_SCHEMA");
    println!("cargo:rerun-if-changed={folder}/conf.capnp");
    capnpc::CompilerCommand::new()
        .src_prefix(&folder)
        .file(format!("{folder}/conf.capnp"))
        .run()
        .expect("the schema does not compile");
}
