using System.Buffers.Text;
using System.Security.Cryptography;

namespace Latchkey.Server.Pages;

/// <summary>A file that pages load; compiled in, so that the server is one file.</summary>
internal sealed class Asset
{
    private Asset(string name, string contentType)
    {
        using var resource = typeof(Asset).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} was not compiled in.");
        using var content = new MemoryStream();
        resource.CopyTo(content);
        Content = content.ToArray();
        ContentType = contentType;
        Version = Base64Url.EncodeToString(SHA256.HashData(Content))[..16];
        Path = "/assets/" + name;
    }

    /// <summary>The stylesheet of every page.</summary>
    public static Asset Stylesheet { get; } = new("latchkey.css", "text/css; charset=utf-8");

    /// <summary>The icon.</summary>
    public static Asset Favicon { get; } = new("favicon.svg", "image/svg+xml");

    public byte[] Content { get; }

    public string ContentType { get; }

    /// <summary>Changes with the content.</summary>
    public string Version { get; }

    /// <summary>The path it is served at.</summary>
    public string Path { get; }

    /// <summary>The path and version, which can be cached for good.</summary>
    public string Link => $"{Path}?v={Version}";
}
