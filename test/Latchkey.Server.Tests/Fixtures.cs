using Latchkey.Server.Tests;
using Latchkey.Server.Tests.Authorize;

// One process each for all tests of the project.
[assembly: AssemblyFixture(typeof(SharedServer))]
[assembly: AssemblyFixture(typeof(AuthorizeServer))]
[assembly: AssemblyFixture(typeof(PeopleServer))]
