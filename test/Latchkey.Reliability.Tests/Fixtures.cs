[assembly: AssemblyFixture(typeof(SharedServer))]
[assembly: AssemblyFixture(typeof(PostgresServer))]
