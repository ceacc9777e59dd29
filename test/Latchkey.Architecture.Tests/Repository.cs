using System.Reflection;
using System.Xml.Linq;

namespace Latchkey.Architecture.Tests;

/// <summary>The source as it lies in the repository.</summary>
internal static class Repository
{
    public static string Root { get; } = typeof(LatchkeyProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "RepositoryRoot").Value!;

    /// <summary>The projects below <c>src/</c> by name.</summary>
    public static IReadOnlyDictionary<string, Project> Projects { get; } = Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .Select(path => new Project(Path.GetFileNameWithoutExtension(path), Path.GetDirectoryName(path)!, XDocument.Load(path)))
        .ToDictionary(project => project.Name);

    /// <summary>Source files below a folder, without what builds make.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(path => !Parts(path).Any(part => part is "bin" or "obj" or "artifacts" or "node_modules"));

    /// <summary>A path as it is written in the repository.</summary>
    public static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    /// <summary>The parts of a path below the root.</summary>
    public static string[] Parts(string path) => Relative(path).Split('/');
}

/// <summary>A project file.</summary>
internal sealed record Project(string Name, string Folder, XDocument Document)
{
    /// <summary>The projects that it references.</summary>
    public IReadOnlyList<string> References { get; } =
        [.. Document.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')))];

    /// <summary>The packages that it references.</summary>
    public IReadOnlyList<string> Packages { get; } = [.. Document.Descendants("PackageReference").Select(reference => reference.Attribute("Include")!.Value)];
}
