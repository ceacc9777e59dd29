using Latchkey.Browser.Tests.Site;

// One demo and one browser for all tests of the project.
[assembly: AssemblyFixture(typeof(DemoSite))]
