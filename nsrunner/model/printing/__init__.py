"""How objects are shown in tables, as the API server and kubectl do; works on their JSON form."""
