using System.Globalization;
using Npgsql;

namespace Latchkey.Storage.PostgreSql;

/// <summary>
/// A database's address: <c>postgres://user:password@host:5432,host2:5432/name?keyword=value</c>, where a keyword is one of Npgsql's connection string.
/// It is shown without the password.
/// </summary>
internal sealed class PostgreSqlAddress
{
    private const int DefaultPort = 5432;

    private PostgreSqlAddress(NpgsqlConnectionStringBuilder settings, string shown, string? buckets) => (Settings, Shown, Buckets) = (settings, shown, buckets);

    /// <summary>What Npgsql is given.</summary>
    public NpgsqlConnectionStringBuilder Settings { get; }

    /// <summary>The address for people.</summary>
    public string Shown { get; }

    /// <summary>The buckets of one of several databases (<see cref="ShardMap.Of"/>), the keyword <c>Buckets</c>; null if it is absent.</summary>
    public string? Buckets { get; }

    /// <inheritdoc />
    public override string ToString() => Shown;

    /// <summary>Reads an address.</summary>
    /// <param name="url">The address.</param>
    /// <param name="settings">What holds unless the address says otherwise.</param>
    /// <exception cref="FormatException">It is none; the message says what to mend and never quotes what could be the password.</exception>
    public static PostgreSqlAddress Parse(string url, NpgsqlConnectionStringBuilder settings)
    {
        var rest = url.AsSpan();
        if (rest.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)) rest = rest["postgres://".Length..];
        else if (rest.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase)) rest = rest["postgresql://".Length..];
        else throw Wrong("it must begin with postgres://");
        if (rest.Contains('#')) throw Wrong("it holds a #; write that as %23");

        var query = Cut(ref rest, '?');
        var name = Cut(ref rest, '/');
        // The password may hold an @, the hosts can't.
        if (rest.LastIndexOf('@') is >= 0 and var at)
        {
            var login = rest[..at];
            rest = rest[(at + 1)..];
            var password = Cut(ref login, ':');
            settings.Username = Uri.UnescapeDataString(login.ToString());
            if (!password.IsEmpty) settings.Password = Uri.UnescapeDataString(password.ToString());
        }

        if (!name.IsEmpty) settings.Database = Uri.UnescapeDataString(name.ToString());
        settings.Host = rest.IsEmpty ? null : Hosts(rest.ToString());
        var buckets = Set(settings, query.ToString());
        if (string.IsNullOrEmpty(settings.Host)) throw Wrong("it names no host");
        if (string.IsNullOrEmpty(settings.Database)) throw Wrong("it names no database after the host");
        return new(settings, $"postgres://{(settings.Username is { } user ? user + "@" : "")}{settings.Host}/{settings.Database}", buckets);
    }

    private static string Hosts(string text)
    {
        var hosts = text.Split(',');
        for (var i = 0; i < hosts.Length; i++)
        {
            var (host, colon) = (hosts[i], hosts[i].LastIndexOf(':'));
            var hasPort = colon > host.LastIndexOf(']');
            var port = DefaultPort;
            if (host.Length == 0 || colon == 0 || (hasPort && (!int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65535)))
                throw Wrong("a host is written host or host:port, several with commas between them");
            if (hasPort) host = host[..colon];
            hosts[i] = string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");
        }

        return string.Join(',', hosts);
    }

    /// <returns>The buckets.</returns>
    private static string? Set(NpgsqlConnectionStringBuilder settings, string query)
    {
        string? buckets = null;
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw Wrong("what follows the ? is keyword=value, several with & between them");
            var keyword = Uri.UnescapeDataString(pair[..equals].Replace('+', ' '));
            if (keyword.Equals("Buckets", StringComparison.OrdinalIgnoreCase))
            {
                buckets = Uri.UnescapeDataString(pair[(equals + 1)..]);
                continue;
            }

            try
            {
                settings[keyword] = Uri.UnescapeDataString(pair[(equals + 1)..].Replace('+', ' '));
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException or KeyNotFoundException)
            {
                throw Wrong($"{keyword} is no keyword of Npgsql's connection strings, or can't have this value");
            }
        }

        // What Latchkey sets itself, so that no write that was acknowledged can be lost.
        var defaults = new NpgsqlConnectionStringBuilder();
        if (settings.CancellationTimeout != defaults.CancellationTimeout) throw Fixed("Cancellation Timeout");
        if (settings.TargetSessionAttributes != defaults.TargetSessionAttributes) throw Fixed("Target Session Attributes");
        if (settings.Multiplexing) throw Fixed("Multiplexing");
        if (!settings.Pooling) throw Fixed("Pooling");
        return buckets;
    }

    private static FormatException Fixed(string keyword) => Wrong($"{keyword} can't be set, Latchkey sets it so that no write that was acknowledged can be lost");

    private static ReadOnlySpan<char> Cut(ref ReadOnlySpan<char> text, char separator)
    {
        if (text.IndexOf(separator) is not (>= 0 and var at)) return [];
        var after = text[(at + 1)..];
        text = text[..at];
        return after;
    }

    private static FormatException Wrong(string why) =>
        new($"is no address of a PostgreSQL database: {why}. Write postgres://user:password@host:5432/name.");
}
