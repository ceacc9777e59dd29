using System.IO.Compression;
using System.Reflection.PortableExecutable;
using System.Text;

namespace Latchkey.Packages.Tests;

public sealed class PackageContentTests(PackageFolder packages)
{
    public static TheoryData<string> Ids =>
    [
        "Latchkey.Client", "Latchkey.Client.AspNetCore", "Latchkey.Protocol", "Latchkey.ResourceServer", "Latchkey.Server",
        "Latchkey.Storage", "Latchkey.Storage.PostgreSql", "Latchkey.Storage.Sqlite", "Latchkey.Testing", "Latchkey.Verification",
    ];

    [Fact]
    public void Nothing_is_packed_but_what_is_named_here()
    {
        var packed = Directory.GetFiles(packages.Path, "*.nupkg").Select(PackageFolder.IdOf).Order(StringComparer.Ordinal);
        Assert.Equal(Ids.Select(id => id.Data).Order(StringComparer.Ordinal), packed);
    }

    [Theory, MemberData(nameof(Ids))]
    public void A_package_has_a_page_a_licence_and_documentation(string id)
    {
        using var package = packages.Open(id);
        var names = package.Entries.Select(entry => entry.FullName).ToList();
        Assert.Contains("README.md", names);
        Assert.Contains($"lib/net10.0/{id}.dll", names);
        Assert.Contains($"lib/net10.0/{id}.xml", names);
        Assert.Contains(id, Encoding.UTF8.GetString(Read(package.GetEntry("README.md")!)), StringComparison.Ordinal);

        var metadata = packages.Manifest(id).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
        string? Text(string name) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;
        Assert.Equal("Apache-2.0", Text("license"));
        Assert.Equal("README.md", Text("readme"));
        Assert.False(string.IsNullOrWhiteSpace(Text("description")));
        Assert.Equal("The Latchkey authors", Text("authors"));
    }

    [Theory, MemberData(nameof(Ids))]
    public void A_debugger_finds_the_sources(string id)
    {
        using var package = packages.Open(id);
        using var assembly = new PEReader(new MemoryStream(Read(package.GetEntry($"lib/net10.0/{id}.dll")!)));
        using var symbols = assembly.ReadEmbeddedPortablePdbDebugDirectoryData(assembly.ReadDebugDirectory().Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb));
        var pdb = symbols.GetMetadataReader();
        var information = pdb.CustomDebugInformation.Select(pdb.GetCustomDebugInformation).ToList();
        Assert.Contains(information, entry => pdb.GetGuid(entry.Kind) == new Guid("0E8A571B-6926-466E-B4AD-8AB04611F5FE"));
        var link = information.Where(entry => pdb.GetGuid(entry.Kind) == new Guid("CC110556-A091-4D38-9FEC-25AB9A351A6A"))
            .Select(entry => Encoding.UTF8.GetString(pdb.GetBlobBytes(entry.Value))).SingleOrDefault();
        Assert.Contains("https://raw.githubusercontent.com/latchkey/latchkey/", link, StringComparison.Ordinal);
    }

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
