using System.Net.Sockets;
using Npgsql;

namespace Latchkey.Storage.PostgreSql;

/// <summary>What the driver's exceptions mean for a caller.</summary>
internal static class PostgreSqlFaults
{
    private const string IdleInTransactionTimeout = "25P03";

    /// <summary>Two transactions stood in each other's way and this one was undone: it may simply run again.</summary>
    public static bool IsConflict(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>Whether it is the database that is in trouble, rather than the statement.</summary>
    public static bool IsTrouble(Exception exception) => exception switch
    {
        PostgresException refused => refused.SqlState switch
        {
            PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled
                or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected
                or IdleInTransactionTimeout or PostgresErrorCodes.InsufficientPrivilege
                or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedTable => true,
            // Connections, logins, resources, operators, the system below, damage.
            { Length: 5 } state => state[..2] is "08" or "28" or "53" or "57" or "58" or "F0" or "XX",
            _ => false,
        },
        NpgsqlException or SocketException or IOException or TimeoutException => true,
        _ => false,
    };

    /// <summary>The sentence for the operator.</summary>
    public static DatabaseUnavailableException Unavailable(string location, Exception exception) => new(Cause(exception) switch
    {
        PostgresException refused => refused.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"The database {location} refused the login; check its user and password, and pg_hba.conf.",
            PostgresErrorCodes.InvalidCatalogName => $"The database {location} does not exist; create it, or name another.",
            PostgresErrorCodes.InsufficientPrivilege => $"The database {location} does not let this user work in it ({refused.MessageText}); make the user its owner.",
            PostgresErrorCodes.ReadOnlySqlTransaction => $"The database {location} takes no writes; is it a standby?",
            PostgresErrorCodes.DiskFull => $"The disk of the database {location} is full.",
            PostgresErrorCodes.TooManyConnections => $"The database {location} has no connection left; raise max_connections.",
            PostgresErrorCodes.UndefinedTable => $"The database {location} lacks a table of this version ({refused.MessageText}).",
            _ => $"The database {location} failed: {refused.MessageText} ({refused.SqlState}).",
        },
        NpgsqlException { InnerException: TimeoutException } or TimeoutException => $"The database {location} does not answer.",
        NpgsqlException { InnerException: SocketException socket } => $"The database {location} can't be reached: {socket.Message}.",
        SocketException socket => $"The database {location} can't be reached: {socket.Message}.",
        var cause => $"The database {location} failed: {cause.Message}",
    }, exception);

    // Of several hosts that were tried, the one that said most.
    private static Exception Cause(Exception exception)
    {
        if (exception is not NpgsqlException { InnerException: AggregateException tried }) return exception;
        var all = tried.Flatten().InnerExceptions;
        return all.FirstOrDefault(each => each is PostgresException) ?? all.FirstOrDefault() ?? exception;
    }
}
