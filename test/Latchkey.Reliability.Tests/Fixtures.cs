[assembly: AssemblyFixture(typeof(SharedServer))]
