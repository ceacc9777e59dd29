using System.Collections.Concurrent;
using System.Security.Cryptography;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server;
using Latchkey.Storage;
using Latchkey.Storage.Sqlite;
using Microsoft.AspNetCore.DataProtection;

namespace Latchkey.Testing.Hosting;

/// <summary>
/// A database that is ready to be copied, with the key ring that opens it. Finding primes and hashing passwords take longer than all the rest of a start,
/// so each template is used again once its authority has gone; authorities that live at the same time have different keys.
/// </summary>
internal sealed class Template(byte[] file, IDataProtectionProvider protection)
{
    private static readonly ConcurrentDictionary<bool, ConcurrentBag<Template>> Free = new();

    private bool _withReadyState;

    /// <summary>Encrypts the keys in the file.</summary>
    public IDataProtectionProvider Protection => protection;

    /// <summary>Takes a template that no living authority uses, making one if there is none.</summary>
    public static async Task<Template> RentAsync(bool withReadyState)
    {
        if (Free.GetOrAdd(withReadyState, _ => []).TryTake(out var template)) return template;
        template = await Task.Run(() => MakeAsync(withReadyState)).ConfigureAwait(false);
        template._withReadyState = withReadyState;
        return template;
    }

    /// <summary>Gives it to the next.</summary>
    public void Return() => Free[_withReadyState].Add(this);

    /// <summary>Opens a copy whose keys were made now.</summary>
    /// <param name="path">Where the copy goes.</param>
    /// <param name="now">The moment of the authority's start.</param>
    /// <param name="rotation">When the next keys take over.</param>
    public async Task<SqliteDatabase> OpenCopyAsync(string path, DateTimeOffset now, TimeSpan rotation)
    {
        await File.WriteAllBytesAsync(path, file).ConfigureAwait(false);
        var database = new SqliteDatabase(path, durable: false);
        await database.WriteAsync(sql => sql.ExecuteAsync(
            "UPDATE signing_keys SET active_from = CASE WHEN active_from > created_at THEN $2 ELSE $1 END, created_at = $1",
            now.ToUnixTimeMilliseconds(), (now + rotation).ToUnixTimeMilliseconds())).ConfigureAwait(false);
        return database;
    }

    private static async Task<Template> MakeAsync(bool withReadyState)
    {
        var protection = new EphemeralDataProtectionProvider();
        // Finding primes keeps every processor busy for a while; the host is put together meanwhile.
        var keys = MakeKeysAsync(protection.CreateProtector(SigningKeys.Protection));
        var folder = TemporaryFolder.Create();
        try
        {
            var path = Path.Combine(folder, "template.db");
            await using (var database = new SqliteDatabase(path, durable: false))
            {
                await database.MigrateAsync().ConfigureAwait(false);
                var app = AuthorityHost.BuildForTemplate(database, protection);
                await using (app.ConfigureAwait(false))
                {
                    await AddAsync(database, await keys.ConfigureAwait(false)).ConfigureAwait(false);
                    await app.Services.PrepareLatchkeyServerAsync(withReadyState ? States.Ready() : Latchkey.Server.Admin.DeclaredState.Empty).ConfigureAwait(false);
                }

                await database.DisposeAsync().ConfigureAwait(false);
            }

            return new Template(await File.ReadAllBytesAsync(path).ConfigureAwait(false), protection);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The present and the next key of each algorithm, so that the keeper of the running server finds nothing to make.
    private static Task<KeyRow[]> MakeKeysAsync(IDataProtector protector) =>
        Task.WhenAll(SigningAlgorithms.Standing.SelectMany(algorithm => ((long[])[0, 1]).Select(activeFrom => Task.Run(() =>
            new KeyRow(
                Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), "sign", algorithm, protector.Protect(JwsSigner.Generate(algorithm)),
                CreatedAt: 0, activeFrom, RetiredAt: null)))));

    private static async Task AddAsync(SqliteDatabase database, KeyRow[] keys) => await database.WriteAsync(async sql =>
    {
        foreach (var key in keys) await SigningKeys.InsertAsync(sql, key).ConfigureAwait(false);
        return true;
    }).ConfigureAwait(false);
}
