//! Generates the types of kv.capnp, of ../kv or of the folder that KV_SCHEMA_DIR names.

fn main() {
    let folder = std::env::var("KV_SCHEMA_DIR").unwrap_or_else(|_| "../kv".into());

    println!("cargo:rerun-if-env-changed=KV_SCHEMA_DIR");
    println!("cargo:rerun-if-changed={folder}/kv.capnp");
    capnpc::CompilerCommand::new()
        .src_prefix(&folder)
        .file(format!("{folder}/kv.capnp"))
        .run()
        .expect("the schema does not compile");
}
