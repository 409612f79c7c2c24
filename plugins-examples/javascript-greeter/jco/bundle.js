// What the host offers stays an import.
export default { external: [/^weft:/] };
