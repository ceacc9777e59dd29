using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
using Latchkey.Packages.Tests;

[assembly: AssemblyFixture(typeof(PackageFolder))]

namespace Latchkey.Packages.Tests;

/// <summary>Every package, packed from this source into a folder of its own, under a version that no cache can know.</summary>
public sealed class PackageFolder : IAsyncLifetime
{
    // A native publish takes a minute or two, and many on a machine that does much else.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(30);

    private readonly TemporaryFolder _folder = new();

    public string Path => _folder.File("packages");

    public string Version { get; } = $"0.1.0-test.{TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()}";

    public async ValueTask InitializeAsync()
    {
        // A remote at a public host, as a release has it: SourceLink names sources by it.
        Directory.CreateDirectory(_folder.File("git"));
        await File.WriteAllTextAsync(_folder.File("git/config"), $"""
            [remote "origin"]
                url = https://github.com/latchkey/latchkey.git
            [url "https://github.com/latchkey/latchkey.git"]
                insteadOf = {await OriginAsync()}
            """);
        // Two runs: projects must be read anew after the restore.
        foreach (var target in (string[])["RestorePackages", "Pack"])
        {
            await RunAsync(LatchkeyProcess.RepositoryRoot, [
                "msbuild", "dist.proj", $"-t:{target}", "-m", "-nologo", "-v:quiet", $"-p:Version={Version}", $"-p:PackageOutputPath={Path}/",
                $"-p:ArtifactsPath={_folder.File("artifacts")}", "-p:RunAnalyzers=false", "-p:RestoreLockedMode=false", "-p:ContinuousIntegrationBuild=false"],
                ("XDG_CONFIG_HOME", _folder.Path));
        }
    }

    public ValueTask DisposeAsync()
    {
        // What the fresh apps restored lies in the machine's package folder, of use to nobody else.
        foreach (var package in Directory.Exists(Path) ? Directory.GetFiles(Path, "*.nupkg") : [])
        {
            var restored = System.IO.Path.Combine(GlobalPackages, IdOf(package).ToLowerInvariant(), Version);
            if (Directory.Exists(restored)) Directory.Delete(restored, recursive: true);
        }

        _folder.Dispose();
        return default;
    }

    /// <summary>The files of a package by name.</summary>
    public ZipArchive Open(string id) => ZipFile.OpenRead(System.IO.Path.Combine(Path, $"{id}.{Version}.nupkg"));

    /// <summary>A package's own description of itself.</summary>
    public XDocument Manifest(string id)
    {
        using var package = Open(id);
        using var stream = package.GetEntry($"{id}.nuspec")!.Open();
        return XDocument.Load(stream);
    }

    /// <summary>Makes an app of its own that references packages, builds it, and returns its folder.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="sdk">Its SDK.</param>
    /// <param name="program">Its one source file.</param>
    /// <param name="packages">The packages of ours that it references.</param>
    public async Task<string> BuildAppAsync(string name, string sdk, string program, params IEnumerable<string> packages)
    {
        var folder = await WriteAppAsync(name, sdk, program, packages);
        await RunAsync(folder, ["build", "-c", "Release", "-o", "out", "--nologo", "-v", "quiet"]);
        return System.IO.Path.Combine(folder, "out");
    }

    /// <summary>
    /// Makes an app of its own that references packages, publishes it by Native AOT, where a warning of trimmer or compiler is an error, and returns the
    /// path of its one binary.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="program">Its one source file.</param>
    /// <param name="packages">The packages of ours that it references.</param>
    public async Task<string> PublishNativeAsync(string name, string program, params IEnumerable<string> packages)
    {
        var folder = await WriteAppAsync(name, "Microsoft.NET.Sdk.Web", program, packages);
        string[] linker = CommandExists("clang") ? [] : ["-p:CppCompilerAndLinker=gcc"];
        await RunAsync(folder, ["publish", "-c", "Release", "-o", "out", "--nologo", "-v", "quiet", "--use-current-runtime", "-p:PublishAot=true", "-p:InvariantGlobalization=true", "-p:StripSymbols=true", .. linker]);
        return System.IO.Path.Combine(folder, "out", name);
    }

    private async Task<string> WriteAppAsync(string name, string sdk, string program, IEnumerable<string> packages)
    {
        var folder = _folder.File(name);
        Directory.CreateDirectory(folder);
        // Nothing of the repository reaches into it.
        await File.WriteAllTextAsync(System.IO.Path.Combine(folder, "Directory.Build.props"), "<Project />");
        await File.WriteAllTextAsync(System.IO.Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="{sdk}">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestoreAdditionalProjectSources>{Path}</RestoreAdditionalProjectSources>
              </PropertyGroup>
              <ItemGroup>
                {string.Concat(packages.Select(package => $"""<PackageReference Include="{package}" Version="{Version}" />"""))}
              </ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(System.IO.Path.Combine(folder, "Program.cs"), program);
        return folder;
    }

    private static bool CommandExists(string command) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator).Any(folder => File.Exists(System.IO.Path.Combine(folder, command)));

    internal static string IdOf(string package) =>
        System.Text.RegularExpressions.Regex.Match(System.IO.Path.GetFileName(package), @"^(.*?)\.\d+\.\d+\.\d+").Groups[1].Value;

    private static string GlobalPackages => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static async Task<string> OriginAsync()
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["-C", LatchkeyProcess.RepositoryRoot, "remote", "get-url", "origin"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var url = (await git.StandardOutput.ReadToEndAsync()).Trim();
        await git.WaitForExitAsync();
        return url.Length > 0 ? url : "nothing";
    }

    internal static async Task<string> RunAsync(string folder, IEnumerable<string> arguments, params IEnumerable<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NUGET_PACKAGES"] = GlobalPackages;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Deadline);
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output}{await errors}");
        return await output;
    }
}
